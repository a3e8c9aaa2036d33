// SPDX-License-Identifier: MIT
//
// One submit, many connections: every one is reported, and the last call says that it is the last.
#include <pirn/loop/multishot.hpp>

#include <pirn/loop/operations.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"
#if PIRN_HAVE_URING
#include "loop/uring/probe.hpp"
#endif

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::listener;

// An accept_many that keeps what it gets, and checks the contract of more().
struct accept_many : support::recorded<pirn::accept_many_operation> {
    explicit accept_many(int listener) : recorded{listener} {
        then = [this](auto& self) {
            EXPECT_EQ(self.more(), self.in_flight());
            if (self.more()) {
                EXPECT_GE(self.result(), 0);
                accepted.emplace_back(self.result());
            } else {
                ++ends;
                last = self.result();
            }
        };
    }
    std::vector<handle> accepted;
    int ends = 0;
    int last = 0;
};

std::vector<handle> knock(const listener& door, int count) {
    std::vector<handle> clients;
    for (int i = 0; i < count; ++i) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(clients.back().get(), door.address.get(), door.address.size), 0);
    }
    return clients;
}

class multishot_test : public support::on_each_backend {
  protected:
    void end(accept_many& what) {
        loop().cancel(what);
        loop().run();
        EXPECT_EQ(what.ends, 1);
        EXPECT_EQ(what.last, -ECANCELED);
    }
};
INSTANTIATE_TEST_SUITE_P(multishot, multishot_test, support::every_backend(),
                         support::name_of_backend);

TEST_P(multishot_test, accept_reports_each_connection_and_at_last_its_end) {
    const listener door{loop()};
    accept_many accepts{door.get()};
    loop().submit(accepts);
    for (std::size_t i = 1; i <= 5; ++i) {
        loop().run(run_mode::nowait);
        const auto client = knock(door, 1);
        ASSERT_TRUE(run_until([&] { return accepts.accepted.size() == i; }));
    }
    EXPECT_NE(::fcntl(accepts.accepted.front().get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_TRUE(accepts.in_flight());
    EXPECT_EQ(loop().pending(), 1U);
    end(accepts);
    loop().submit(accepts); // and once more from the beginning
    const auto client = knock(door, 1);
    ASSERT_TRUE(run_until([&] { return accepts.accepted.size() == 6; }));
    accepts.ends = 0;
    end(accepts);
    loop().release(door.get());
}

// Far more at once than one operation holds, and than the rings hold.
TEST_P(multishot_test, accept_loses_none_of_a_crowd) {
    make_loop({.submission_slots = 1});
    const listener door{loop(), 4096};
    const auto clients = knock(door, 200);
    accept_many accepts{door.get()};
    loop().submit(accepts);
    std::size_t most = 0;
    std::size_t before = 0;
    ASSERT_TRUE(run_until([&] {
        most = std::max(most, accepts.accepted.size() - before);
        before = accepts.accepted.size();
        return before == clients.size();
    }));
    EXPECT_LE(most, 16U) << "a turn has no bound";
    end(accepts);
    loop().release(door.get());
}

TEST_P(multishot_test, accept_cancelled_by_its_own_report_reports_the_rest_and_ends) {
    const listener door{loop()};
    const auto clients = knock(door, 5);
    accept_many accepts{door.get()};
    const auto keep = accepts.then;
    accepts.then = [&](auto& self) {
        keep(self);
        loop().cancel(self);
    };
    loop().submit(accepts);
    loop().run();
    EXPECT_EQ(accepts.ends, 1);
    EXPECT_EQ(accepts.last, -ECANCELED);
    EXPECT_GE(accepts.accepted.size(), 1U);
    loop().release(door.get());
}

TEST_P(multishot_test, accept_on_what_does_not_listen_ends_at_once) {
    accept_many nowhere{-1};
    loop().submit(nowhere);
    loop().run();
    EXPECT_EQ(nowhere.last, -EBADF);
    const handle socket = support::loop_socket(loop());
    accept_many deaf{socket.get()};
    loop().submit(deaf);
    loop().run();
    EXPECT_EQ(deaf.last, -EINVAL);
    EXPECT_EQ(deaf.completions, 1);
    loop().release(socket.get());
}

TEST_P(multishot_test, accept_without_descriptors_ends_and_serves_on_when_there_are_some) {
    const listener door{loop()};
    accept_many accepts{door.get()};
    auto clients = knock(door, 3);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int lowest_free = ::dup(0);
    ASSERT_EQ(::close(lowest_free), 0);
    const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    loop().submit(accepts); // the kernel looks at the limit now
    loop().run(run_mode::until_idle, pirn::after(20s));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(accepts.ends, 1);
    EXPECT_EQ(accepts.last, -EMFILE);
    loop().submit(accepts);
    ASSERT_TRUE(run_until([&] { return accepts.accepted.size() == 3; }));
    accepts.ends = 0;
    end(accepts);
    loop().release(door.get());
}

#if PIRN_HAVE_URING
TEST_P(multishot_test, accept_works_one_by_one_where_the_kernel_knows_no_other_way) {
    auto& hidden = pirn::detail::hidden_requests();
    hidden.set(IORING_OP_SOCKET);
    make_loop();
    hidden.reset();
    const listener door{loop(), 4096};
    const auto clients = knock(door, 50);
    accept_many accepts{door.get()};
    loop().submit(accepts);
    ASSERT_TRUE(run_until([&] { return accepts.accepted.size() == clients.size(); }));
    end(accepts);
    loop().release(door.get());
}
#endif

TEST_P(multishot_test, accept_cancelled_at_a_random_moment_loses_no_connection) {
    constexpr int rounds = 300 / support::slowness;
    const listener door{loop(), 4096};
    std::mt19937 random{53}; // NOLINT: the same every time
    std::atomic<int> connected{0};
    std::thread knocking{[&] {
        for (int i = 0; i < rounds; ++i) {
            connected += knock(door, 1).empty() ? 0 : 1;
        }
    }};
    std::size_t accepted = 0;
    for (int round = 0; round < rounds; ++round) {
        accept_many accepts{door.get()};
        loop().submit(accepts);
        loop().run(run_mode::once, pirn::after(std::chrono::microseconds{random() % 100}));
        loop().cancel(accepts);
        ASSERT_TRUE(run_until([&] { return !accepts.in_flight(); }));
        ASSERT_EQ(accepts.last, -ECANCELED);
        accepted += accepts.accepted.size();
    }
    knocking.join();
    accept_many rest{door.get()};
    loop().submit(rest);
    ASSERT_TRUE(run_until([&] { return accepted + rest.accepted.size() == std::size_t{rounds}; }));
    end(rest);
    loop().release(door.get());
}

} // namespace
