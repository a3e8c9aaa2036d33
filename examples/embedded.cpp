// SPDX-License-Identifier: MIT
//
// A loop of pirn inside a loop of somebody else's. The foreign one is the smallest there is: it waits by poll(2)
// for a descriptor of its own, and for that of pirn's loop. What a real one (a toolkit's, libuv's) has to do for
// pirn is the same:
//   before each wait   next_deadline(), for how long to wait; it also hands over what was submitted
//   after it           run(nowait)
// pirn's side is an echo, a timer and a function on another thread; the foreign side asks the echo three times.
#include <pirn/base/live.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/work.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace std::chrono_literals;
namespace {

// echo: receives and sends back, until the other side has closed.
struct echo {
    echo(pirn::loop& runs_on, int descriptor)
        : loop{runs_on}, receive{descriptor, *this}, send{descriptor, *this} {
        loop.submit(receive);
    }

    struct receiving : pirn::receive_operation {
        receiving(int from, echo& of) : receive_operation{from, of.space, &done}, self{of} {}
        static void done(pirn::operation& what) noexcept {
            echo& self = static_cast<receiving&>(what).self;
            if (what.result() > 0) {
                self.send.buffer =
                    pirn::bytes{self.space}.first(static_cast<std::size_t>(what.result()));
                self.loop.submit(self.send);
            }
        }
        echo& self;
    };
    struct sending : pirn::send_operation {
        sending(int to, echo& of) : send_operation{to, {}, &done}, self{of} {}
        static void done(pirn::operation& what) noexcept {
            echo& self = static_cast<sending&>(what).self;
            self.loop.submit(self.receive);
        }
        echo& self;
    };

    pirn::loop& loop;
    std::array<char, 64> space{};
    receiving receive;
    sending send;
};

// milliseconds_until: a deadline as poll(2) wants it, rounded up.
int milliseconds_until(pirn::time_point deadline, pirn::time_point now) {
    if (deadline == pirn::never) {
        return -1;
    }
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(rest, 0, 60'000));
}

void serve() {
    pirn::loop loop;
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | loop.socket_flags(), 0, ends.data()) != 0) {
        return std::perror("socketpair");
    }
    const auto [ours, theirs] = ends;

    echo answers{loop, theirs};
    pirn::timer_operation timer{loop.now() + 20ms,
                                [](pirn::operation&) noexcept { std::puts("pirn: a timer"); }};
    pirn::work_operation work{
        [](pirn::work_operation&) noexcept { return 42; },
        [](pirn::operation& what) noexcept { std::printf("pirn: work gave %d\n", what.result()); }};
    loop.submit(timer);
    loop.submit(work);

    std::array<pollfd, 2> watched{{{ours, POLLIN, 0}, {loop.descriptor(), POLLIN, 0}}};
    constexpr std::string_view question = "is anybody there?";
    int asked = 0;
    [[maybe_unused]] ssize_t wrote = ::write(ours, question.data(), question.size());
    while (loop.pending() > 0) {
        const pirn::time_point deadline = loop.next_deadline();
        ::poll(watched.data(), watched.size(), milliseconds_until(deadline, loop.now()));
        if ((watched[0].revents & POLLIN) != 0) {
            std::array<char, 64> answer{};
            const ssize_t size = ::read(ours, answer.data(), answer.size());
            std::printf("foreign: %.*s\n", static_cast<int>(std::max<ssize_t>(size, 0)),
                        answer.data());
            if (++asked < 3) {
                wrote = ::write(ours, question.data(), question.size());
            } else {
                ::shutdown(ours, SHUT_WR);
                watched[0].fd = -1; // poll(2) leaves it out
            }
        }
        loop.run(pirn::run_mode::nowait);
    }
    loop.release(theirs);
    ::close(ours);
    ::close(theirs);
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "A loop of pirn inside a foreign one.");
    serve();
    std::puts(pirn::to_string(pirn::live()).c_str());
}
