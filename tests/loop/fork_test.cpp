// SPDX-License-Identifier: MIT
//
// A fork in the midst of IO (hazard 26): the child is told that the loop is not its own, and whatever it does with
// its copy, the parent loses nothing.
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/multishot.hpp>
#include <pirn/loop/work.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using support::connection;

class fork_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(fork, fork_test, support::every_backend(), support::name_of_backend);

// must: for a child, where GoogleTest has nobody to report to. Exits with the number of the line.
void must(bool holds, int line) {
    if (!holds) {
        ::_exit(line % 256);
    }
}
#define MUST(condition) must(condition, __LINE__)

bool refused(pirn::loop& loop) {
    try {
        loop.run(run_mode::once, pirn::after(10s));
    } catch (const std::system_error& error) {
        return error.code() == std::errc::no_such_process &&
               std::string{error.what()}.find("child process") != std::string::npos;
    }
    return false;
}

TEST_P(fork_test, leaves_the_child_with_errors_that_say_what_is_wrong) {
    connection pair = connection::unix_stream(loop());
    std::array<char, 16> space{};
    support::receive waiting{pair.near(), space};
    support::timer timer{pirn::never};
    support::nop finished;
    loop().submit(waiting);
    loop().submit(timer);
    loop().run(run_mode::nowait);
    loop().submit(finished); // the parent has not been told of it yet
    const support::child_end end = support::in_child([&] {
        MUST(refused(loop()));
        MUST(finished.completions == 0);
        support::nop nop;
        support::send send{pair.far(), pirn::bytes{"nobody"}};
        support::timer late{pirn::after(0s)};
        loop().submit(nop);
        loop().submit(send);
        loop().submit(late);
        MUST(loop().run() == 3);
        for (const pirn::operation* each :
             {static_cast<pirn::operation*>(&nop), static_cast<pirn::operation*>(&send),
              static_cast<pirn::operation*>(&late)}) {
            MUST(each->result() == -ESRCH && !each->in_flight());
        }
        MUST(loop().attempt(send) && send.result() == -ESRCH && send.completions == 1);
        loop().cancel(waiting);
        loop().withdraw(timer);
        MUST(!timer.in_flight());
        loop().release(pair.near());
        loop().wake();
        const auto deadline = loop().next_deadline();
        MUST(deadline <= loop().now());
        MUST(refused(loop()));
        try {
            loop().descriptor();
            MUST(false);
        } catch (const std::system_error& error) {
            MUST(error.code() == std::errc::no_such_process);
        }
        try {
            pirn::buffer_ring ring{loop()};
            MUST(false);
        } catch (const std::system_error& error) {
            MUST(error.code() == std::errc::no_such_process);
        }
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    support::say(pair.far(), "weft");
    loop().cancel(timer);
    loop().run();
    EXPECT_TRUE(waiting.completed_with(4));
    EXPECT_TRUE(timer.completed_with(-ECANCELED));
    EXPECT_TRUE(finished.completed_with(0));
}

TEST_P(fork_test, lets_the_child_make_a_loop_of_its_own_with_the_operations_that_it_finds) {
    connection pair = connection::unix_stream(loop());
    std::array<char, 16> space{};
    support::receive waiting{pair.near(), space};
    support::timer timer{pirn::never};
    loop().submit(waiting);
    loop().submit(timer);
    loop().run(run_mode::nowait);
    const support::child_end end = support::in_child([&] {
        connection other =
            connection::unix_stream(loop()); // closed through a loop that is left behind
        make_loop();                         // destroys the copy first
        waiting.descriptor = other.near();
        timer.deadline = pirn::after(1ms);
        loop().submit(waiting);
        loop().submit(timer);
        support::say(other.far(), "child");
        loop().run();
        MUST(waiting.completed_with(5));
        MUST(timer.completed_with(0));
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    support::say(pair.far(), "weft");
    loop().cancel(timer);
    loop().run();
    EXPECT_TRUE(waiting.completed_with(4));
}

TEST_P(fork_test, inside_a_completion_calls_no_other_one_in_the_child) {
    support::nop first;
    support::nop second;
    int status = -1;
    bool child = false;
    pid_t process = -1;
    first.then = [&](auto&) {
        process = ::fork();
        child = process == 0;
        if (child) {
            ::alarm(30);
        }
    };
    loop().submit(first);
    loop().submit(second);
    const std::size_t delivered = loop().run();
    if (child) {
        MUST(delivered == 1);
        MUST(second.completions == 0);
        MUST(refused(loop()));
        ::_exit(0);
    }
    EXPECT_EQ(delivered, 2U);
    ASSERT_EQ(::waitpid(process, &status, 0), process);
    EXPECT_EQ(status, 0);
}

// Everything that can be in flight, and in the child all of it destroyed, as an exit would.
TEST_P(fork_test, of_everything_in_flight_can_be_destroyed_in_the_child) {
    struct everything {
        explicit everything(pirn::loop_options options)
            : loop{std::in_place, options}, pair{connection::tcp(*loop)},
              other{connection::tcp(*loop)}, ring{*loop, {.count = 1, .size = 16}}, door{*loop},
              receive{pair.near(), space}, borrowed{pair.far(), ring, pirn::shots::many},
              starving{other.far(), ring, pirn::shots::many}, timer{pirn::never},
              accepts{door.get()}, work{[](pirn::work_operation& self) noexcept {
                  while (!self.stop_requested()) {
                      ::poll(nullptr, 0, 10);
                  }
                  return 0;
              }} {}
        std::optional<pirn::loop> loop;
        connection pair;
        connection other;
        pirn::buffer_ring ring;
        support::listener door;
        std::array<char, 16> space{};
        pirn::buffer_lease kept;
        support::receive receive;
        support::recorded<pirn::receive_borrowed_operation> borrowed;
        support::recorded<pirn::receive_borrowed_operation> starving;
        support::timer timer;
        support::recorded<pirn::accept_many_operation> accepts;
        support::recorded<pirn::work_operation> work;
    };
    pirn::loop_options options;
    options.backend = GetParam();
    auto all = std::make_unique<everything>(options);
    all->borrowed.then = [&](auto& self) { all->kept = std::move(self.lease); };
    const std::array<pirn::operation*, 6> operations{&all->receive, &all->borrowed, &all->starving,
                                                     &all->timer,   &all->accepts,  &all->work};
    for (pirn::operation* const each : operations) {
        all->loop->submit(*each);
    }
    support::say(all->pair.near(), "the only buffer");
    while (!all->kept) {
        all->loop->run(run_mode::once);
    }
    support::say(all->other.near(), "for which there is none");
    all->loop->run(run_mode::once, pirn::after(5ms));
    const support::child_end end = support::in_child([&] { all.reset(); });
    EXPECT_TRUE(end.exited_with(0)) << end;
    for (pirn::operation* const each : operations) {
        all->loop->cancel(*each);
    }
    all->kept.reset();
    all->loop->run();
    EXPECT_EQ(all->loop->pending(), 0U);
    EXPECT_EQ(all->receive.result(), -ECANCELED);
    all->loop->release(all->door.get());
}

// in_the_midst: forks again and again while bytes go round; what the child does is up to the caller.
template <class Code>
void in_the_midst(pirn::loop& loop, int rounds, Code&& in_child) {
    constexpr std::size_t streams = 8;
    struct stream {
        explicit stream(pirn::loop& on)
            : pair{connection::tcp(on)}, receive{pair.near(), space},
              send{pair.far(), pirn::bytes{"01234567"}} {}
        connection pair;
        std::array<char, 8> space{};
        support::receive receive;
        support::send send;
        std::size_t got = 0;
    };
    std::deque<stream> all;
    for (std::size_t i = 0; i < streams; ++i) {
        stream& one = all.emplace_back(loop);
        one.receive.then = [&](auto& self) {
            EXPECT_GT(self.result(), 0);
            one.got += static_cast<std::size_t>(std::max(self.result(), 0));
            loop.submit(self);
        };
        loop.submit(one.receive);
    }
    std::deque<pid_t> children;
    const auto reap = [&] {
        int status = 0;
        EXPECT_EQ(::waitpid(children.front(), &status, 0), children.front());
        EXPECT_TRUE(WIFEXITED(status)) << status;
        EXPECT_EQ(WEXITSTATUS(status), 0);
        children.pop_front();
    };
    for (int round = 0; round < rounds; ++round) {
        for (stream& each : all) {
            loop.submit(each.send);
        }
        if (round % 3 != 0) {
            loop.run(run_mode::nowait); // some completions are there, some are to come
        }
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::alarm(30);
            in_child(all.front().pair.near());
            ::_exit(0);
        }
        children.push_back(child);
        if (children.size() > 4) {
            reap(); // a few live beside us
        }
        const auto patience = pirn::after(20s);
        const auto all_there = [&] {
            return std::ranges::all_of(all, [&](const stream& each) {
                return each.got == 8U * static_cast<std::size_t>(round + 1) &&
                       !each.send.in_flight();
            });
        };
        while (!all_there()) {
            ASSERT_LT(pirn::clock::now(), patience) << "a completion was lost in round " << round;
            loop.run(run_mode::once, patience);
        }
    }
    while (!children.empty()) {
        reap();
    }
    for (stream& each : all) {
        each.receive.then = nullptr;
        loop.cancel(each.receive);
    }
    loop.run();
    EXPECT_EQ(loop.pending(), 0U);
}

constexpr int forks = 1'000 / support::slowness;

TEST_P(fork_test, a_thousand_times_loses_no_completion_of_the_parent) {
    in_the_midst(loop(), forks, [this](int socket) {
        MUST(refused(loop()));
        loop().release(socket);
        loop().wake();
        support::nop nop;
        loop().submit(nop);
        MUST(loop().run() == 1 && nop.result() == -ESRCH);
        make_loop(); // destroys the copy
    });
}

TEST_P(fork_test, and_exec_a_thousand_times_loses_no_completion_of_the_parent) {
    in_the_midst(loop(), forks, [](int) {
        ::execl("/bin/true", "true", nullptr);
        ::_exit(1);
    });
}

} // namespace
