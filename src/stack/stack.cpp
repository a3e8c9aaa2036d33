// SPDX-License-Identifier: MIT
//
// The default source: blocks of stacks for the process, and in front of them a pool for each thread.
//
// Shared state: none. The pools are thread-local; a stack wanders from one pool to another when it is
// given back on another thread than it was taken.
#include <pirn/stack/stack.hpp>

#include <pirn/stack/sources.hpp>

#include "base/valgrind.hpp"
#include "stack/blocks.hpp"
#include "stack/shelves.hpp"

namespace pirn {

constinit std::atomic<stack_source*> detail::default_source{nullptr};
constinit thread_local stack_source* detail::pool_here = nullptr;

namespace {

stack_source& shared() noexcept {
    // Never destroyed: coroutines may be destroyed by static destructors.
    static auto* const instance = new detail::shared_stack_source;
    return *instance;
}

// Set when the thread's pool has been destroyed; later stacks go past it.
constinit thread_local bool pool_ended = false;

struct thread_pool {
    thread_pool() { detail::pool_here = &pool; }
    ~thread_pool() {
        pool_ended = true;
        detail::pool_here = nullptr;
    }
    pooled_stack_source pool{shared()};
};

class per_thread_source final : public stack_source {
  public:
    stack allocate(std::size_t size) override { return here().allocate(size); }
    void deallocate(const stack& used) noexcept override { here().deallocate(used); }
    bool owns_pages() const noexcept override { return true; }

  private:
    static stack_source& here() noexcept {
        if (pool_ended) {
            return shared();
        }
        thread_local thread_pool local;
        return local.pool;
    }
};

} // namespace

stack_source::~stack_source() = default;

stack_source& default_stack_source() noexcept {
    static per_thread_source* const instance = new per_thread_source;
    // release: pairs with the acquire in take_kept and keep.
    detail::default_source.store(instance, std::memory_order_release);
    return *instance;
}

default_stack_report report_default_stacks() noexcept { return detail::report_blocks(); }

void trim_default_stacks() noexcept {
    if (detail::pool_here != nullptr) {
        static_cast<pooled_stack_source*>(detail::pool_here)->trim();
    }
    detail::trim_blocks();
}

namespace detail {

PIRN_NOINLINE footing* take_new(stack_source* source, std::size_t size) {
    if (source == nullptr) {
        source = &default_stack_source();
    }
    const stack taken = source->allocate(size);
    const std::size_t reserved = under_valgrind() ? stack_number_size : 0;
    if (taken.memory.size() < sizeof(footing) + reserved) {
        source->deallocate(taken);
        return nullptr;
    }
    footing* const ground = lay_footing(taken, source);
    stack_source* const keeper =
        source == default_source.load(std::memory_order_acquire) ? pool_here : source;
    ground->has_shelf = keeper != nullptr && shelf_access::of(*keeper).is_for(taken);
    return ground;
}

PIRN_NOINLINE void put_away(footing* ground) noexcept {
    if (ground->source == nullptr) {
        return; // the caller's memory
    }
    const stack used = ground->where; // a copy: the original goes with it
    ground->tenant = nullptr;
    ground->source->deallocate(used);
}

} // namespace detail
} // namespace pirn
