// SPDX-License-Identifier: MIT
//
// A loop must be the same on every backend: suites that are repeated for each, and operations that
// remember how they ended.
#pragma once

#include <pirn/loop/loop.hpp>

#include "support/account.hpp"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace support {

inline std::string name_of_backend(const testing::TestParamInfo<pirn::backend_kind>& kind) {
    return kind.param == pirn::backend_kind::uring ? "uring" : "epoll";
}

inline auto every_backend() {
    return testing::Values(pirn::backend_kind::uring, pirn::backend_kind::epoll);
}

// recorded: an operation that counts its completions, and may go on from there.
template <class Operation>
class recorded : public Operation {
  public:
    // By reference: a buffer is viewed, and a copy of it would be gone before the kernel writes.
    template <class... Parameters>
    explicit recorded(Parameters&&... parameters)
        : Operation(std::forward<Parameters>(parameters)..., &completed) {}

    int completions = 0;
    std::function<void(recorded&)> then;

    bool completed_with(int result) const {
        return completions == 1 && !this->in_flight() && this->result() == result;
    }

  private:
    static void completed(pirn::operation& what) noexcept {
        auto& self = static_cast<recorded&>(static_cast<Operation&>(what));
        ++self.completions;
        if (self.then) {
            // A copy, because it may destroy the operation and with it the function that runs.
            const auto next = self.then;
            next(self);
        }
    }
};

using nop = recorded<pirn::nop_operation>;
using timer = recorded<pirn::timer_operation>;
using accept = recorded<pirn::accept_operation>;
using connect = recorded<pirn::connect_operation>;
using receive = recorded<pirn::receive_operation>;
using send = recorded<pirn::send_operation>;

// poll: takes the events as the constants of poll(2) come, which are int.
class poll : public recorded<pirn::poll_operation> {
  public:
    poll(int fd, int wanted) : recorded{fd, static_cast<short>(wanted)} {}
};

// on_each_backend: a suite whose parameter is the backend. It ends with an empty loop and everything
// given back. Where the kernel does not grant io_uring, its half is skipped with that reason.
class on_each_backend : public balanced<testing::TestWithParam<pirn::backend_kind>> {
  protected:
    void SetUp() override {
        ::unsetenv("PIRN_BACKEND"); // the suite itself is the choice
        make_loop();
    }

    void TearDown() override {
        if (loop_) {
            EXPECT_EQ(loop_->pending(), 0U) << "the test has left an operation in flight";
        }
        loop_.reset();
        balanced::TearDown();
    }

    // make_loop: replaces the loop, for tests that want other options than the default.
    void make_loop(pirn::loop_options options = {}) {
        options.backend = GetParam();
        loop_.reset();
        loop_.emplace(options);
        if (by_uring() && std::string{loop_->backend_name()} != "uring") {
            GTEST_SKIP() << "the kernel, its policy or the build does not grant io_uring";
        }
    }

    pirn::loop& loop() { return *loop_; }
    static bool by_uring() { return GetParam() == pirn::backend_kind::uring; }

    // run_until: runs the loop until the condition holds; false when that takes absurdly long, so
    // that a lost completion is a failure and not a hang.
    template <class Condition>
    bool run_until(Condition holds) {
        using namespace std::chrono_literals;
        const auto patience = pirn::after(20s);
        while (!holds()) {
            if (pirn::clock::now() >= patience) {
                return false;
            }
            loop().run(pirn::run_mode::once, patience);
        }
        return true;
    }

    // perform: submits, and runs the loop until the completion. The result.
    template <class Operation>
    int perform(Operation&& what) {
        const int before = what.completions;
        loop().submit(what);
        EXPECT_TRUE(run_until([&] { return what.completions > before; })) << "never completed";
        return what.result();
    }

  private:
    std::optional<pirn::loop> loop_;
};

} // namespace support
