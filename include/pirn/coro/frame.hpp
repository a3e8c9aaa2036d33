// SPDX-License-Identifier: MIT
//
// The control block of a coroutine. It lies at the high end of the coroutine's own stack, with the
// callable, its arguments and its result behind it: creating a coroutine allocates nothing but the
// stack.
//
//   low                                                                          high
//   ┌─────────┬──────────────────────────┬────────────┬──────────────────────┬─────────┐
//   │ canary? │ ◄── the stack grows down │ frame      │ callable, arguments, │ footing │
//   │         │                          │            │ result               │         │
//   └─────────┴──────────────────────────┴────────────┴──────────────────────┴─────────┘
//
// The words that a switch touches are the first of the frame, next to the hottest words of the stack.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
//
// Mutable state, and who writes it (a frame is used by one thread at a time; handing it to another
// thread is the owner's business, and needs a synchronisation of the owner's):
//
//   context      each switch
//   parent       at creation the creator, who is expected to resume it first; resume_slowly; special while
//                only resume_slowly may resume it; reclaim leaves its marks here
//   transfer     yield (address of the value), resume (address of the injected one), the end (result)
//   innermost    suspend_slowly, resume_slowly
//   exceptions   suspend_slowly puts the coroutine's own state there, resume_slowly takes it
//   note         the annotations around each switch, where there is a sanitizer
//   phase        the entry: fresh → started → done
//   unwinding    destroy
//   parts        the body: which of its parts there are
//   failure      the entry; taken by whoever resumed
//   name         at creation, if there is one
//   storage      at creation; what it points to is the owner's
//   number       whoever first asks for the id
//   ground       at creation; what it points to is the stack room's
#pragma once

#include <pirn/arch/annotate.hpp>
#include <pirn/arch/context.hpp>
#include <pirn/arch/eh_state.hpp>
#include <pirn/arch/thread_local.hpp>
#include <pirn/base/export.hpp>
#include <pirn/coro/options.hpp>
#include <pirn/stack/stack.hpp>

#include <array>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <string_view>

namespace pirn {

// coroutine_status: where a coroutine is in its life.
//
//            resume             suspend                 return, or an exception leaves the function
//    start ─────────► active ─────────────► suspended         active ─────────► done
//                        ▲                     │
//                        └─────────────────────┘ resume
//
// A coroutine that has resumed another one is active until that one suspends or ends.
enum class coroutine_status : std::uint8_t { start, suspended, active, done };

PIRN_EXPORT std::string_view to_string(coroutine_status status) noexcept;

namespace detail {

enum class frame_phase : std::uint8_t { fresh, started, done };

struct frame;
struct any_storage; // storage.hpp

// placement: where a new coroutine's parts will stand, before any of them exists.
struct placement {
    std::byte* body; // the frame and what lies behind it
    footing* ground; // at the high end of the stack
};

// frame_behaviour: what the typed part of a coroutine does, one table per instantiation.
struct frame_behaviour {
    void (*run)(frame& self);              // the function; then its callable is destroyed
    void (*destroy)(frame& self) noexcept; // the whole body's destructor
    std::uint8_t nothing_left;             // the `parts` with which that does nothing
};

// What is not initialized here is written before it is read: creating a coroutine is to take no more
// stores than it must. For the same reason what begins as zero stands together.
struct PIRN_EXPORT frame {
    frame(const placement& place, const frame_behaviour& typed,
          const coroutine_options& options) noexcept;
    // A frame that stands for "no coroutine": what a moved-from handle points to.
    frame() noexcept;
    frame(const frame&) = delete;
    frame& operator=(const frame&) = delete;

    coroutine_status status() const noexcept;
    std::string_view name() const noexcept { return named ? name_text.data() : ""; }
    void set_name(std::string_view text) noexcept;
    const stack& where() const noexcept { return ground->where; }
    std::uint64_t id() const noexcept;

    // Touched by each switch.
    arch::context context;
    frame* parent;
    void* transfer = nullptr;

    frame_phase phase = frame_phase::fresh;
    bool unwinding = false;
    bool named = false;
    std::uint8_t parts = 0; // see body.hpp

    // Where the yielder stands, whose address tells where the frame is: a suspension reads no pointer, and
    // a function that only suspends and goes on touches no line of its stack.
    std::array<std::byte, 1> yielder_place;

    frame* innermost = nullptr; // who was running when this one was suspended from within another
    arch::eh_state exceptions;  // not clean only while suspended by suspend_slowly
    std::exception_ptr failure;
    mutable std::uint64_t number = 0; // the id, once somebody has asked

    const frame_behaviour* behaviour; // null for "no coroutine"
    footing* ground;                  // the stack's description
    any_storage* storage;
    std::source_location created_at;
    std::array<char, 32> name_text; // if `named`
    arch::fiber_note note;
};

// What `parent` and `thread_state::current` may hold besides the address of a frame: `parent` may be
// special, `current` may be null, and both may be `outside`. So the one comparison in resume() fails
// for whatever is out of the ordinary.
inline frame* const special = reinterpret_cast<frame*>(std::uintptr_t{8});
inline frame* const outside = reinterpret_cast<frame*>(std::uintptr_t{16});

// Two more values of `parent`, of a suspended coroutine, that serve as `special` does. A resume replaces them,
// so that whoever left them there sees whether the coroutine has run since: see reclaim.cpp.
inline frame* const seen_waiting = reinterpret_cast<frame*>(std::uintptr_t{4});
inline frame* const given_back = reinterpret_cast<frame*>(std::uintptr_t{12});

// is_frame: whether one of the two holds a coroutine. Never suspends.
inline bool is_frame(const frame* maybe) noexcept {
    return reinterpret_cast<std::uintptr_t>(maybe) > reinterpret_cast<std::uintptr_t>(outside);
}

// thread_state: what a thread must know. Written by the thread itself only.
struct thread_state {
    frame* current; // the innermost coroutine; `outside` of any; null before the thread's first
    const void*
        exceptions; // what a straight switch asks: `eh`, or arch::eh_always_in_use under a sanitizer
    void* worker;   // the scheduler's; this room never looks at it
    void* eh;       // arch::eh_globals(), once prepared
};

} // namespace detail
} // namespace pirn

extern "C" {
PIRN_THREAD_LOCAL extern thread_local constinit pirn::detail::thread_state pirn_thread_state;
}

namespace pirn::detail {

// this_thread: never to be remembered across a switch, which may come back on another thread.
#if PIRN_THREAD_LOCAL_INLINE
PIRN_ALWAYS_INLINE thread_state& this_thread() noexcept {
    return *PIRN_THREAD_LOCAL_ADDRESS(thread_state, pirn_thread_state);
}
#else
PIRN_EXPORT PIRN_NOINLINE thread_state& this_thread() noexcept;
#endif

// thread_words: this_thread() for the straight way of a switch, in the fewest instructions. Not to be
// remembered across a switch either.
class thread_words {
  public:
#if PIRN_THREAD_LOCAL_INLINE
    PIRN_ALWAYS_INLINE thread_words() noexcept {
        PIRN_THREAD_LOCAL_OFFSET(pirn_thread_state, offset_);
    }
    PIRN_ALWAYS_INLINE frame* current() const noexcept {
        frame* read;
        PIRN_THREAD_LOCAL_LOAD(offset_, offsetof(thread_state, current), read);
        return read;
    }
    PIRN_ALWAYS_INLINE void set_current(frame* now) const noexcept {
        PIRN_THREAD_LOCAL_STORE(offset_, offsetof(thread_state, current), now);
    }
    PIRN_ALWAYS_INLINE const void* exceptions() const noexcept {
        const void* read;
        PIRN_THREAD_LOCAL_LOAD(offset_, offsetof(thread_state, exceptions), read);
        return read;
    }

  private:
    std::intptr_t offset_;
#else
    frame* current() const noexcept { return here_.current; }
    void set_current(frame* now) const noexcept { here_.current = now; }
    const void* exceptions() const noexcept { return here_.exceptions; }

  private:
    thread_state& here_ = this_thread();
#endif
};

// prepare_thread: what a thread needs before it resumes coroutines; its first resume does that otherwise. Never suspends.
PIRN_EXPORT void prepare_thread(thread_state& here);

// expected_resumer: the first resume of a coroutine mostly comes from where it was created, and is then
// a resume like any other. Never suspends.
inline frame* expected_resumer() noexcept {
    frame* const here = thread_words{}.current();
    return here != nullptr ? here : special; // null: the thread is not prepared, see resume_slowly
}

// place_body: takes a stack and finds the place for `size` bytes of body at its high end. Throws
// std::bad_alloc when there is no stack. unplace gives it back. Never suspends.
placement place_body(const coroutine_options& options, std::size_t size, std::size_t alignment);
PIRN_EXPORT void unplace(footing* ground) noexcept;

// place_on_stack, place_by_options: the two ways of place_body: on a stack from a source, and whatever else the
// options say. `alignment` is that of a cache line at least. Never suspends.
PIRN_EXPORT placement place_on_stack(stack_source* source, std::size_t stack_size, std::size_t size,
                                     std::size_t alignment, std::source_location where);
PIRN_EXPORT placement place_by_options(const coroutine_options& options, std::size_t size,
                                       std::size_t alignment);

// destroy_frame: ends a coroutine and gives its stack back. A suspended one is unwound first.
PIRN_EXPORT void destroy_frame(frame& what) noexcept;

// no_frame: what a moved-from handle points to.
PIRN_EXPORT frame& no_frame() noexcept;

// stack_used: see coroutine_ref. Never suspends.
PIRN_EXPORT std::optional<std::size_t> stack_used(const frame& of) noexcept;

// entry: the first function on every coroutine's stack, see src/coro/entry.cpp.
PIRN_EXPORT void entry(arch::context* own);

// ---------------------------------------------------------------------------------------------------

PIRN_ALWAYS_INLINE frame::frame(const placement& place, const frame_behaviour& typed,
                                const coroutine_options& options) noexcept
    : parent{expected_resumer()}, behaviour{&typed}, ground{place.ground}, storage{options.storage},
      created_at{options.where} {
    const std::span<std::byte> memory = where().memory;
    const auto below = static_cast<std::size_t>(place.body - memory.data());
    arch::prepare(context, memory.first(below), &entry);
    if (!options.name.empty()) {
        set_name(options.name);
    }
}

// Where all is inlined the options are never written to memory, but for those of them that become part of the frame:
// their address goes nowhere.
PIRN_ALWAYS_INLINE placement place_body(const coroutine_options& options, std::size_t size,
                                        std::size_t alignment) {
    constexpr std::size_t cache_line = 64; // a body is placed on one of its own
    const std::size_t align = alignment < cache_line ? cache_line : alignment;
    if (PIRN_UNLIKELY(!options.memory.empty() || options.measure)) {
        const coroutine_options copy = options;
        return place_by_options(copy, size, align);
    }
    return place_on_stack(options.stacks, options.stack_size, size, align, options.where);
}

} // namespace pirn::detail
