// SPDX-License-Identifier: MIT
//
// At most so many requests in a second, and a few at once: a token bucket. Who finds it empty sleeps until there is a
// token for him; as the mutex is fair, nobody is overtaken.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <chrono>
#include <cstdio>
#include <mutex>

using namespace std::chrono_literals;

namespace {

class rate_limiter {
  public:
    rate_limiter(int per_second, int at_once)
        : interval_{1'000'000'000ns / per_second}, burst_{interval_ * (at_once - 1)} {}

    // acquire: waits for a token. Suspends.
    void acquire() {
        pirn::time_point mine;
        {
            const std::scoped_lock lock{guard_};
            const pirn::time_point now = pirn::clock::now();
            if (next_ < now - burst_) next_ = now - burst_; // a full bucket gets no fuller
            mine = next_ += interval_;
        }
        pirn::sleep_until(mine - interval_);
    }

  private:
    pirn::mutex guard_;
    pirn::duration interval_;
    pirn::duration burst_;
    pirn::time_point next_{}; // when the next token is there
};

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "A token bucket: at most so many requests in a second.");
    constexpr int requests = 60;
    const auto begin = pirn::clock::now();
    pirn::run([] {
        rate_limiter limit{200, 10};
        pirn::task_group clients;
        for (int client = 0; client < 6; ++client) {
            clients.spawn([&limit] {
                for (int i = 0; i < requests / 6; ++i) limit.acquire();
            });
        }
        clients.wait();
    });
    const std::chrono::duration<double> spent = pirn::clock::now() - begin;
    // Ten at once, then fifty at 200 a second.
    std::printf("%d requests in %.2f s\n", requests, spent.count());
    return spent.count() >= 0.24 ? 0 : 1;
}
