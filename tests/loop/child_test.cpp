// SPDX-License-Identifier: MIT
//
// Waiting for children: exactly the one that was named, whatever else the program does with its others.
#include <pirn/loop/child.hpp>

#include <pirn/loop/buffers.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/multishot.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/loop/splice.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using child = support::recorded<pirn::child_operation>;

// A child that exits with a code once it hears from us, or that we go away.
class process {
  public:
    explicit process(int code) {
        std::array<int, 2> both{};
        EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
        go_ = handle{both[1]};
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(both[1]);
            char word = 0;
            [[maybe_unused]] const auto got = ::read(both[0], &word, 1);
            ::_exit(code);
        }
        ::close(both[0]);
    }
    pid_t pid() const { return pid_; }
    void end() { go_.close(); }

  private:
    handle go_;
    pid_t pid_ = 0;
};

class child_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(child, child_test, support::every_backend(), support::name_of_backend);

TEST_P(child_test, that_ends_is_reaped_and_tells_how) {
    process exits{7};
    child wait{exits.pid()};
    loop().submit(wait);
    loop().run(run_mode::once, pirn::after(2ms));
    EXPECT_TRUE(wait.in_flight());
    exits.end();
    loop().run();
    EXPECT_TRUE(wait.completed_with(0)) << wait.result();
    EXPECT_EQ(wait.code, CLD_EXITED);
    EXPECT_EQ(wait.status, 7);
    EXPECT_EQ(::waitpid(exits.pid(), nullptr, WNOHANG), -1) << "was not reaped";

    const process killed{0};
    child other{killed.pid()};
    loop().submit(other);
    loop().run(run_mode::nowait);
    ::kill(killed.pid(), SIGKILL);
    loop().run();
    EXPECT_EQ(other.code, CLD_KILLED);
    EXPECT_EQ(other.status, SIGKILL);
}

TEST_P(child_test, that_had_ended_before_is_reaped_at_once) {
    process exits{3};
    exits.end();
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(exits.pid()), &info, WEXITED | WNOWAIT), 0);
    child wait{exits.pid()};
    EXPECT_EQ(perform(wait), 0);
    EXPECT_EQ(wait.status, 3);
}

TEST_P(child_test, that_is_none_says_so) {
    child parent{::getppid()};
    EXPECT_EQ(perform(parent), -ECHILD);
    child nobody{0};
    EXPECT_EQ(perform(nobody), -EINVAL);
    process exits{3};
    exits.end();
    ASSERT_EQ(::waitpid(exits.pid(), nullptr, 0), exits.pid());
    child gone{exits.pid()};
    EXPECT_EQ(perform(gone), -ECHILD);
}

TEST_P(child_test, that_somebody_else_reaps_meanwhile_ends_the_wait) {
    process exits{3};
    child wait{exits.pid()};
    loop().submit(wait);
    loop().run(run_mode::nowait);
    exits.end();
    ASSERT_EQ(::waitpid(exits.pid(), nullptr, 0), exits.pid());
    loop().run();
    EXPECT_TRUE(wait.completed_with(-ECHILD) || wait.completed_with(0)) << wait.result();
}

TEST_P(child_test, is_not_reaped_by_a_wait_that_was_cancelled) {
    for (int turns = 0; turns < 3; ++turns) {
        process exits{3};
        child wait{exits.pid()};
        loop().submit(wait);
        for (int i = 0; i < turns; ++i) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(wait);
        loop().run();
        EXPECT_TRUE(wait.completed_with(-ECANCELED)) << wait.result();
        exits.end();
        EXPECT_EQ(::waitpid(exits.pid(), nullptr, 0), exits.pid());
    }
}

TEST_P(child_test, cancelled_at_a_random_moment_is_reaped_exactly_when_it_says_so) {
    std::mt19937 random{43}; // NOLINT: the same every time
    for (int round = 0; round < 300 / support::slowness; ++round) {
        process exits{3};
        child wait{exits.pid()};
        loop().submit(wait);
        loop().run(run_mode::nowait);
        exits.end();
        loop().run(run_mode::once, pirn::after(std::chrono::microseconds{random() % 300}));
        loop().cancel(wait);
        loop().run();
        ASSERT_EQ(wait.completions, 1);
        if (wait.result() == 0) {
            ASSERT_EQ(::waitpid(exits.pid(), nullptr, 0), -1);
        } else {
            ASSERT_EQ(wait.result(), -ECANCELED);
            ASSERT_EQ(::waitpid(exits.pid(), nullptr, 0), exits.pid());
        }
    }
}

// Hazard 48: hundreds at once, half of them the program's own business.
TEST_P(child_test, of_the_program_is_never_taken_from_it) {
    constexpr int pairs = 150 / support::slowness;
    std::deque<process> ours;
    std::deque<process> theirs;
    std::deque<child> waits;
    for (int i = 0; i < pairs; ++i) {
        loop().submit(waits.emplace_back(ours.emplace_back(1).pid()));
        theirs.emplace_back(2);
    }
    for (int i = 0; i < pairs; ++i) {
        theirs[static_cast<std::size_t>(i)].end();
        ours[static_cast<std::size_t>(i)].end();
    }
    loop().run();
    for (int i = 0; i < pairs; ++i) {
        const child& wait = waits[static_cast<std::size_t>(i)];
        ASSERT_TRUE(wait.completed_with(0));
        ASSERT_EQ(wait.status, 1);
        int status = 0;
        const pid_t pid = theirs[static_cast<std::size_t>(i)].pid();
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        ASSERT_EQ(WEXITSTATUS(status), 2);
    }
}

// What a program finds open when it begins, one number a line.
std::string descriptors_of_a_program() {
    std::array<int, 2> both{};
    EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const pid_t lists = ::fork();
    if (lists == 0) {
        ::dup2(both[1], STDOUT_FILENO);
        ::execl("/bin/ls", "ls", "-1", "/proc/self/fd", nullptr);
        ::_exit(127);
    }
    ::close(both[1]);
    std::string found;
    std::array<char, 512> space{};
    for (ssize_t size = 1; size > 0;) {
        size = ::read(both[0], space.data(), space.size());
        found.append(space.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    ::close(both[0]);
    int status = -1;
    ::waitpid(lists, &status, 0);
    EXPECT_EQ(status, 0);
    return found;
}

// Hazard 47. Everything that the loop opens, and everything that it opens for us.
TEST_P(child_test, inherits_no_descriptor) {
    const std::string before = descriptors_of_a_program();
    pirn::loop_options options;
    options.backend = GetParam();
    pirn::loop other{options};
    other.descriptor();
    pirn::buffer_ring buffers{other};
    const auto finish = [&](auto&& what) {
        other.submit(what);
        other.run();
        EXPECT_EQ(what.completions, 1);
        EXPECT_GE(what.result(), 0);
        return handle{what.result()};
    };
    const handle socket =
        finish(support::recorded<pirn::socket_operation>{AF_INET, SOCK_STREAM, 0});
    const handle file =
        finish(support::recorded<pirn::open_operation>{"/proc/self/exe", O_RDONLY, mode_t{0}});
    const support::listener door{other};
    std::array<handle, 2> clients;
    for (handle& each : clients) {
        each = handle{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        ASSERT_EQ(::connect(each.get(), door.address.get(), door.address.size), 0);
    }
    const handle accepted = finish(support::accept{door.get()});
    support::recorded<pirn::accept_many_operation> accepts{door.get()};
    handle also_accepted;
    accepts.then = [&](auto& self) {
        if (self.more()) {
            also_accepted = handle{self.result()};
        }
    };
    process waited_for{0};
    child waits{waited_for.pid()};
    support::recorded<pirn::send_file_operation> sends{file.get(), std::int64_t{0}, accepted.get(),
                                                       std::size_t{1} << 24};
    other.submit(accepts);
    other.submit(waits);
    other.submit(sends); // more than the peer takes: its pipe is open
    other.run(run_mode::once, pirn::after(2ms));
    other.run(run_mode::once, pirn::after(2ms));
    EXPECT_TRUE(also_accepted);
    EXPECT_EQ(descriptors_of_a_program(), before);
    other.cancel(accepts);
    other.cancel(sends);
    waited_for.end();
    other.run();
    for (const int each : {accepted.get(), also_accepted.get(), door.get()}) {
        other.release(each);
    }
}

TEST_P(child_test, cannot_be_waited_for_without_a_descriptor) {
    process exits{3};
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int lowest_free = ::dup(0);
    ASSERT_EQ(::close(lowest_free), 0);
    const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    child wait{exits.pid()};
    const int refused = perform(wait);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(refused, -EMFILE);
    exits.end();
    EXPECT_EQ(perform(wait), 0);
}

} // namespace
