// SPDX-License-Identifier: MIT
//
// What waits beside a task whose requests are all answered at once: a timer, a signal and bytes for another task are
// late by 5 ms at most.
//
// Lateness is counted in requests, each of which stands for the time that half of them take at most: so a busy machine,
// which takes the thread's core away, fails no test.
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/io/file.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/signal.hpp>
#include <pirn/io/temporary.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/net/udp.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/task_group.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
namespace io = pirn::io;
namespace net = pirn::net;
using pirn::duration;

// requests: when each of them began. Used by the tasks of one thread.
class requests {
  public:
    requests() { begun_.reserve(1 << 20); }

    // begins: before each request. Never suspends.
    void begins() {
        if (begun_.size() == begun_.capacity()) begun_.clear();
        begun_.push_back(pirn::clock::now());
    }

    // late_since: how long the requests that have begun since the event take. Never suspends.
    duration late_since(pirn::time_point event) const {
        const auto first = std::ranges::upper_bound(begun_, event);
        return (begun_.end() - first) * usual();
    }

    std::size_t count() const { return begun_.size(); }

  private:
    duration usual() const {
        std::vector<duration> each;
        const std::size_t looked_at = std::min<std::size_t>(begun_.size(), 1000);
        for (auto at = begun_.end() - static_cast<std::ptrdiff_t>(looked_at);
             at != begun_.end() && at + 1 != begun_.end(); ++at) {
            each.push_back(*(at + 1) - *at);
        }
        if (each.empty()) return {};
        const auto middle = each.begin() + static_cast<std::ptrdiff_t>(each.size() / 2);
        std::ranges::nth_element(each, middle);
        return *middle;
    }

    std::vector<pirn::time_point> begun_;
};

// A kind of request that is answered at once: calls begins() before each, and never returns.
struct kind {
    const char* name;
    void (*make)(requests&);
};

void send_datagrams(requests& made) {
    auto from = net::udp_bind(net::address::loopback(0));
    auto to = net::udp_bind(net::address::loopback(0));
    from.connect(to.local_address());
    const std::string text(1400, 'x');
    const std::vector<net::udp_outgoing> batch(32, {text});
    for (;;) {
        made.begins();
        from.send_many(batch);
    }
}

void send_large_datagrams(requests& made) {
    auto from = net::udp_bind(net::address::loopback(0));
    auto to = net::udp_bind(net::address::loopback(0));
    const std::string text(60'000, 'x');
    for (;;) {
        made.begins();
        from.send_to(text, to.local_address());
    }
}

void read_a_full_pipe(requests& made) {
    auto [reading, writing] = io::make_pipe();
    const std::string text(60'000, 'x');
    writing.write_all(text);
    std::array<std::byte, 512> some{};
    for (;;) {
        made.begins();
        const std::size_t count = reading.read(some);
        made.begins();
        writing.write_all(std::span{some}.first(count));
    }
}

void use_a_memory_pipe(requests& made) {
    auto [left, right] = io::memory_pipe();
    std::array<std::byte, 4096> some{};
    for (;;) {
        made.begins();
        left.write_all(some);
        made.begins();
        std::ignore = right.read(some);
    }
}

void read_a_file(requests& made) {
    io::temporary_file temporary;
    io::file& file = temporary.file();
    std::string text(256 * 1024, 'x');
    file.write_all_at(text, 0);
    for (;;) {
        made.begins();
        std::ignore = file.read_at(std::as_writable_bytes(std::span{text}), 0);
    }
}

void read_a_device(requests& made) {
    auto zero = io::file::open("/dev/zero");
    std::vector<std::byte> some(64 * 1024);
    for (;;) {
        made.begins();
        std::ignore = zero.read_at(some, 0);
    }
}

void accept_connections(requests& made) {
    auto listener = net::tcp_listen(net::address::loopback(0));
    const auto where = listener.local_address();
    std::vector<net::tcp_stream> accepted;
    for (;;) {
        std::array<pirn::os::handle, 32> connecting;
        for (auto& each : connecting) { // the kernel puts them into the backlog at once
            made.begins();
            each =
                pirn::os::handle{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
            std::ignore = ::connect(each.get(), where.raw(), where.raw_size());
        }
        for (std::size_t i = 0; i < connecting.size(); ++i) {
            made.begins();
            accepted.push_back(listener.accept());
        }
        accepted.clear();
    }
}

constexpr std::array kinds{
    kind{"send_many", &send_datagrams},          kind{"send_to", &send_large_datagrams},
    kind{"a_full_pipe", &read_a_full_pipe},      kind{"memory_pipe", &use_a_memory_pipe},
    kind{"a_file_in_memory", &read_a_file},      kind{"a_device", &read_a_device},
    kind{"a_full_backlog", &accept_connections},
};

class answers_at_once
    : public support::balanced<testing::TestWithParam<std::tuple<kind, std::size_t>>> {
  protected:
    // watcher: runs beside the requests, on the same thread. Suspends.
    static void beside(const std::function<void(requests&)>& watcher) {
        pirn::run({.threads = std::get<1>(GetParam())}, [&] {
            requests made;
            pirn::task_group group;
            group.run([&] {
                group.spawn({.name = "answered", .worker = pirn::this_worker},
                            [&] { std::get<0>(GetParam()).make(made); });
                watcher(made);
                EXPECT_GT(made.count(), 0U);
                group.cancel();
            });
        });
    }

    static void expect_in_time(const requests& made, pirn::time_point event) {
        EXPECT_LE(std::chrono::duration<double>(made.late_since(event)).count(),
                  0.005 * support::slowness);
    }
};

INSTANTIATE_TEST_SUITE_P(of, answers_at_once,
                         testing::Combine(testing::ValuesIn(kinds),
                                          testing::Values(std::size_t{1}, std::size_t{4})),
                         [](const auto& parameters) {
                             return std::string{std::get<0>(parameters.param).name} + "_on_" +
                                    std::to_string(std::get<1>(parameters.param));
                         });

TEST_P(answers_at_once, leave_a_timer_in_time) {
    beside([](requests& made) {
        for (int i = 0; i < 20; ++i) {
            const auto due = pirn::now() + 2ms;
            pirn::sleep_until(due);
            expect_in_time(made, due);
        }
    });
}

TEST_P(answers_at_once, leave_bytes_for_another_task_in_time) {
    beside([](requests& made) {
        auto [ours, theirs] = net::unix_pair();
        const int raw = theirs.native_handle();
        std::array<std::byte, sizeof(pirn::time_point)> bytes{};
        std::thread sender{[raw] { // without the loop, as another process would
            for (int i = 0; i < 10; ++i) {
                std::this_thread::sleep_for(3ms);
                const auto sent = pirn::clock::now();
                EXPECT_EQ(::write(raw, &sent, sizeof sent), ssize_t{sizeof sent});
            }
        }};
        for (int i = 0; i < 10; ++i) {
            ASSERT_EQ(ours.read(bytes), bytes.size());
            pirn::time_point sent;
            std::memcpy(&sent, bytes.data(), sizeof sent);
            expect_in_time(made, sent);
        }
        sender.join();
    });
}

TEST_P(answers_at_once, leave_a_signal_in_time) {
    beside([](requests& made) {
        io::signal_set signals{SIGUSR1};
        for (int i = 0; i < 10; ++i) {
            pirn::time_point sent;
            std::thread sender{[&] {
                std::this_thread::sleep_for(2ms);
                sent = pirn::clock::now();
                EXPECT_EQ(::kill(::getpid(), SIGUSR1), 0);
            }};
            EXPECT_EQ(signals.wait(), SIGUSR1);
            sender.join();
            expect_in_time(made, sent);
        }
    });
}

} // namespace
