// SPDX-License-Identifier: MIT
//
// The default source: one mapped source for the process, and in front of it a pool for each thread.
//
// Shared state: none. The pools are thread-local; a stack wanders from one pool to another when it is
// given back on another thread than it was taken.
#include <pirn/stack/stack.hpp>

#include <pirn/base/config.hpp>
#include <pirn/stack/sources.hpp>

#include <atomic>

namespace pirn {
namespace {

stack_source& mapped() noexcept {
    // Never destroyed: coroutines may be destroyed by static destructors.
    static mapped_stack_source* const instance = new mapped_stack_source;
    return *instance;
}

// The thread's pool, for who knows that it is there; null before its first use and after its end.
[[gnu::tls_model("initial-exec")]] constinit thread_local pooled_stack_source* pool_here = nullptr;

// Set when the thread's pool has been destroyed; later stacks go straight to the kernel.
constinit thread_local bool pool_ended = false;

struct thread_pool {
    thread_pool() { pool_here = &pool; }
    ~thread_pool() {
        pool_ended = true;
        pool_here = nullptr;
    }
    pooled_stack_source pool{mapped()};
};

class per_thread_source final : public stack_source {
  public:
    stack allocate(std::size_t size) override { return here().allocate(size); }
    void deallocate(const stack& used) noexcept override { here().deallocate(used); }
    bool owns_pages() const noexcept override { return true; }

  private:
    static stack_source& here() noexcept {
        if (pool_ended) {
            return mapped();
        }
        thread_local thread_pool local;
        return local.pool;
    }
};

// Constant from the first use on; a plain pointer, because the guard of a static would be looked at twice
// in the life of each coroutine.
std::atomic<stack_source*> default_source{nullptr};

} // namespace

stack_source::~stack_source() = default;

stack_source& default_stack_source() noexcept {
    static per_thread_source* const instance = new per_thread_source;
    // release: pairs with the acquire in take_stack and put_back.
    default_source.store(instance, std::memory_order_release);
    return *instance;
}

namespace detail {
namespace {

// on_shelves: where the stacks of a source are kept: its own shelf, or for the default source, which has one
// for each thread, this thread's. Null when there is none yet, or no longer.
PIRN_ALWAYS_INLINE stack_source* on_shelves(stack_source* source) noexcept {
    return source == default_source.load(std::memory_order_acquire) ? pool_here : source;
}

PIRN_COLD PIRN_NOINLINE footing* take_new(stack_source& source, std::size_t size) {
    const stack taken = source.allocate(size);
    if (taken.memory.size() < sizeof(footing)) {
        source.deallocate(taken);
        return nullptr;
    }
    return lay_footing(taken, &source);
}

PIRN_COLD PIRN_NOINLINE void put_away(footing* ground) noexcept {
    const stack used = ground->where; // a copy: the original goes with it
    ground->tenant = nullptr;
    ground->source->deallocate(used);
}

} // namespace

footing* take_stack(stack_source* source, std::size_t size) {
    if (source == nullptr) {
        source = default_source.load(std::memory_order_acquire);
        if (PIRN_UNLIKELY(source == nullptr)) {
            source = &default_stack_source();
        }
    }
    stack_source* const keeper = on_shelves(source);
    if (PIRN_UNLIKELY(keeper == nullptr || keeper->shelf_.first == nullptr ||
                      size > keeper->shelf_.size || !keeper->shelf_.open)) {
        return take_new(*source, size);
    }
    footing* const taken = keeper->shelf_.take();
    taken->source = source;
    taken->mark = watermark::none;
    return taken;
}

void put_back(footing* ground) noexcept {
    stack_source* const source = ground->source;
    if (source == nullptr) {
        return; // the caller's memory
    }
    stack_source* const keeper = on_shelves(source);
    // The last one before the source wants to look goes through it.
    if (PIRN_UNLIKELY(keeper == nullptr || keeper->shelf_.until_look <= 1 ||
                      keeper->shelf_.kept == keeper->shelf_.keep || !keeper->shelf_.open ||
                      !keeper->shelf_.fits(ground->where))) {
        put_away(ground);
        return;
    }
    keeper->shelf_.put(ground);
}

} // namespace detail
} // namespace pirn
