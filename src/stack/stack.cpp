// SPDX-License-Identifier: MIT
//
// The default source: one mapped source for the process, and in front of it a pool for each thread.
//
// Shared state: none. The pools are thread-local; a stack wanders from one pool to another when it is
// given back on another thread than it was taken.
#include <pirn/stack/stack.hpp>

#include <pirn/stack/sources.hpp>

namespace pirn {
namespace {

stack_source& mapped() noexcept {
    // Never destroyed: coroutines may be destroyed by static destructors.
    static mapped_stack_source* const instance = new mapped_stack_source;
    return *instance;
}

// Set when the thread's pool has been destroyed; later stacks go straight to the kernel.
constinit thread_local bool pool_ended = false;

struct thread_pool {
    ~thread_pool() { pool_ended = true; }
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

} // namespace

stack_source::~stack_source() = default;

stack_source& default_stack_source() noexcept {
    static per_thread_source* const instance = new per_thread_source;
    return *instance;
}

} // namespace pirn
