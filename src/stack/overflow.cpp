// SPDX-License-Identifier: MIT
//
// Finding and reporting a stack overflow. Runs in a signal handler, possibly with a broken heap: fixed
// buffers and write(2) only.
//
// Shared state: `who`, written before the fault handler is installed, read by it.
#include "stack/overflow.hpp"

#include "os/fault.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstring>

#include <unistd.h>

namespace pirn::detail {
namespace {

std::atomic<identify_stack> who{nullptr};

void observe(const void* address) noexcept {
    stack_owner owner;
    // acquire: pairs with the release in watch_for_overflow.
    if (!who.load(std::memory_order_acquire)(owner)) {
        return;
    }
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const auto low = reinterpret_cast<std::uintptr_t>(owner.where.memory.data());
    // By address, not by the signal's code: a guard made by mprotect gives SEGV_ACCERR, one made by
    // MADV_GUARD_INSTALL gives SEGV_MAPERR.
    if (at < low && at >= low - owner.where.guard_size) {
        report_overflow(owner);
    }
}

// A message put together on the stack of the handler.
class line {
  public:
    void add(std::string_view text) noexcept {
        const std::size_t room = text_.size() - used_;
        const std::size_t size = text.size() < room ? text.size() : room;
        std::memcpy(text_.data() + used_, text.data(), size);
        used_ += size;
    }
    void add(std::uint64_t number) noexcept {
        std::array<char, 20> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        add(std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    void write_to_stderr() const noexcept {
        // Nothing can be done about a failure here.
        [[maybe_unused]] const auto wrote = ::write(STDERR_FILENO, text_.data(), used_);
    }

  private:
    std::array<char, 1024> text_{};
    std::size_t used_ = 0;
};

} // namespace

void watch_for_overflow(identify_stack who_is) noexcept {
    // release: pairs with the acquire in observe.
    who.store(who_is, std::memory_order_release);
    os::watch_faults(&observe);
    os::prepare_thread_for_faults();
}

void report_overflow(const stack_owner& owner) noexcept {
    line message;
    message.add("pirn: stack overflow in coroutine \"");
    message.add(owner.name.empty() ? std::string_view{"unnamed"} : owner.name);
    message.add("\": its stack of ");
    message.add(owner.where.memory.size());
    message.add(" bytes is used up");
    if (owner.spawned_at.line() != 0) {
        message.add("; it was created at ");
        message.add(std::string_view{owner.spawned_at.file_name()});
        message.add(":");
        message.add(owner.spawned_at.line());
    }
    message.add(". Give it a larger stack_size, or less recursion and smaller local arrays.\n");
    message.write_to_stderr();
}

} // namespace pirn::detail
