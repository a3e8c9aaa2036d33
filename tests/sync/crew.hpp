// SPDX-License-Identifier: MIT
//
// The other side of a primitive, in all its forms: the same functions as plain threads (0 workers), as tasks of
// one scheduler on this thread (1), or as tasks of several schedulers, each on a thread of its own.
#pragma once

#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sync_tests {

class crew {
  public:
    explicit crew(int workers) : workers_{workers} {}

    void add(std::function<void()> does) { parties_.push_back(std::move(does)); }
    template <class Does>
    void add(int count, Does does) {
        for (int i = 0; i < count; ++i) add(does);
    }

    // run: everybody, until all have ended.
    void run() {
        if (workers_ == 0) {
            std::vector<std::jthread> threads;
            threads.reserve(parties_.size());
            for (auto& does : parties_) threads.emplace_back(does);
        } else {
            std::vector<std::jthread> threads;
            for (int i = 1; i < workers_; ++i) {
                threads.emplace_back([this, i] { work(i); });
            }
            work(0);
        }
        parties_.clear();
    }

  private:
    void work(int which) {
        pirn::scheduler tasks;
        std::vector<pirn::join_handle<>> handles;
        for (std::size_t i = 0; i < parties_.size(); ++i) {
            if (static_cast<int>(i) % workers_ == which)
                handles.push_back(tasks.spawn(parties_[i]));
        }
        tasks.run();
        for (auto& handle : handles) handle.get();
    }

    int workers_;
    std::vector<std::function<void()>> parties_;
};

// with_crews: a suite that is run with each kind of crew.
using with_crews = support::balanced<testing::TestWithParam<int>>;

inline std::string crew_name(const testing::TestParamInfo<int>& info) {
    return info.param == 0 ? "threads" : "workers" + std::to_string(info.param);
}

} // namespace sync_tests

#define FOR_ALL_CREWS(suite)                                                                       \
    INSTANTIATE_TEST_SUITE_P(crews, suite, testing::Values(0, 1, 2, 4, 8), sync_tests::crew_name)
