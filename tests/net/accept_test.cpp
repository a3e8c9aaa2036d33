// SPDX-License-Identifier: MIT
//
// Connections that come to nothing before anybody has them: a listener, and a server, go on.
#include <pirn/net/serve.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/stack/sources.hpp>

#include "net/pairs.hpp"
#include "support/answering.hpp"
#include "support/by_epoll.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <optional>
#include <stop_token>
#include <string>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace {

using accepting = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;

// failures: what the next calls of accept are answered with.
struct failures {
    int operator()(const seccomp_data&) { return left > 0 ? (--left, error) : 0; }
    std::atomic<int>& left;
    int error;
};

std::string hello_of(net::stream_socket& client) {
    std::array<char, 5> text{};
    client.read(text);
    return {text.data(), text.size()};
}

TEST_F(accepting, goes_on_after_a_connection_that_was_aborted) {
    const support::by_epoll here;
    for (const int error : {ECONNABORTED, EPROTO}) {
        std::atomic<int> left{0};
        const bool could = support::run_answering({SYS_accept4}, failures{left, error}, [&] {
            pirn::run([&] {
                auto listener = support::any_listener();
                for (int i = 0; i < 3; ++i) {
                    left = i;
                    auto client = support::connect_to(listener);
                    client.write_all("hello");
                    auto accepted = listener.accept();
                    EXPECT_EQ(hello_of(accepted), "hello");
                    EXPECT_EQ(left, 0);
                }
            });
        });
        if (!could) {
            GTEST_SKIP() << "the kernel, or its policy, lets no program answer system calls";
        }
    }
}

TEST_F(accepting, goes_on_in_a_server_after_a_connection_that_was_aborted) {
    const support::by_epoll here;
    std::atomic<int> left{0};
    const auto body = [&] {
        pirn::run([&] {
            std::stop_source stop;
            auto listener = support::any_listener();
            const auto where = listener.local_address();
            auto server = pirn::spawn([&] {
                net::serve(listener, [](net::tcp_stream& client) { client.write_all("hello"); },
                           {.max_connections = 2, .stop = stop.get_token()});
            });
            for (int i = 0; i < 5; ++i) {
                left = 2;
                auto client = net::tcp_connect(where);
                EXPECT_EQ(hello_of(client), "hello");
            }
            EXPECT_FALSE(server.done());
            stop.request_stop();
            server.get();
        });
    };
    if (!support::run_answering({SYS_accept4}, failures{left, ECONNABORTED}, body)) {
        GTEST_SKIP() << "the kernel, or its policy, lets no program answer system calls";
    }
}

// scarce: stacks for which there is no memory when it says so.
class scarce final : public pirn::stack_source {
  public:
    pirn::stack allocate(std::size_t size) override {
        if (empty) {
            ++refused;
            throw std::bad_alloc{};
        }
        return below_.allocate(size);
    }
    void deallocate(const pirn::stack& used) noexcept override { below_.deallocate(used); }

    bool empty = false;
    int refused = 0;

  private:
    pirn::mapped_stack_source below_;
};

TEST_F(accepting, gives_back_the_place_of_a_connection_that_is_turned_away) {
    pirn::run([] {
        scarce stacks;
        std::stop_source stop;
        auto listener = support::any_listener();
        const auto where = listener.local_address();
        auto server = pirn::spawn([&] {
            net::serve(listener, [](net::tcp_stream& client) { client.write_all("hello"); },
                       {.max_connections = 2, .stop = stop.get_token(), .stacks = &stacks});
        });
        const auto in_time = [&](const auto& function) {
            return pirn::try_with_timeout(20s, function);
        };
        stacks.empty = true;
        for (int i = 0; i < 5; ++i) {
            auto client = net::tcp_connect(where);
            std::array<char, 1> nothing{};
            ASSERT_TRUE(in_time([&] { EXPECT_EQ(client.read(nothing), 0U); })) << "in round " << i;
        }
        EXPECT_EQ(stacks.refused, 5);
        stacks.empty = false;
        for (int i = 0; i < 5; ++i) {
            auto client = net::tcp_connect(where);
            ASSERT_TRUE(in_time([&] { EXPECT_EQ(hello_of(client), "hello"); })) << "in round " << i;
        }
        stop.request_stop();
        server.get();
    });
}

} // namespace
