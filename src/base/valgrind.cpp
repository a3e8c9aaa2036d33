// SPDX-License-Identifier: MIT
//
// The stacks of threads, for valgrind. Empty without the option PIRN_VALGRIND.
#include "base/valgrind.hpp"

#if defined(PIRN_VALGRIND)

#include <pthread.h>
#include <unistd.h>

namespace pirn::detail {
namespace {

class thread_stack {
  public:
    thread_stack() noexcept {
        pthread_attr_t attributes;
        if (::gettid() == ::getpid() || ::pthread_getattr_np(::pthread_self(), &attributes) != 0) {
            return;
        }
        void* low = nullptr;
        std::size_t size = 0;
        if (::pthread_attr_getstack(&attributes, &low, &size) == 0 && size != 0) {
            number_ = VALGRIND_STACK_REGISTER(low, static_cast<std::byte*>(low) + size - 1);
            registered_ = true;
        }
        ::pthread_attr_destroy(&attributes);
    }
    ~thread_stack() {
        if (registered_) {
            VALGRIND_STACK_DEREGISTER(number_);
        }
    }
    thread_stack(const thread_stack&) = delete;
    thread_stack& operator=(const thread_stack&) = delete;

  private:
    unsigned number_ = 0;
    bool registered_ = false;
};

} // namespace

void thread_stack_begins() noexcept {
    thread_local const thread_stack here;
    static_cast<void>(here);
}

} // namespace pirn::detail

#endif
