// SPDX-License-Identifier: MIT
//
// A process without descriptors: accept waits, the others are served, and whoever knocked is let in
// in the end (hazard 34). A kernel without room for datagrams.
#include <pirn/net/tcp.hpp>
#include <pirn/net/udp.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"
#include "support/answering.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace {

using limits = support::balanced<>;
namespace net = pirn::net;

double processor_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

TEST_F(limits, accept_waits_while_there_is_no_descriptor_and_others_are_served) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto listener = support::any_listener();
        auto knocking = support::connect_to(listener);
        bool accepted = false;
        pirn::join_handle<> acceptor;
        {
            const support::no_descriptor_left scarcity;
            acceptor = pirn::spawn([&] {
                auto stream = listener.accept();
                accepted = stream.is_open();
            });
            const double before = processor_seconds();
            const auto begin = pirn::clock::now();
            while (pirn::clock::now() - begin < std::chrono::milliseconds{300}) {
                near.write_all("x");
                std::array<char, 4> buffer{};
                EXPECT_EQ(far.read(buffer), 1U);
                pirn::sleep_for(std::chrono::milliseconds{20});
            }
            EXPECT_LT(processor_seconds() - before, 0.15) << "of 0.3 s: it must not spin";
            EXPECT_FALSE(accepted);
        }
        acceptor.get();
        EXPECT_TRUE(accepted);
    });
}

TEST_F(limits, accept_can_be_stopped_while_it_waits_for_a_descriptor) {
    pirn::run([] {
        auto listener = support::any_listener();
        auto knocking = support::connect_to(listener);
        const support::no_descriptor_left scarcity;
        auto acceptor = pirn::spawn([&] {
            std::error_code error;
            EXPECT_FALSE(listener.accept(error).is_open());
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        pirn::sleep_for(std::chrono::milliseconds{5});
        acceptor.request_stop();
        acceptor.get();
    });
}

// Loopback takes every datagram at once, so that the kernel is made to say that there is no room.
TEST_F(limits, of_room_for_datagrams_let_a_batch_wait_and_count_what_has_gone) {
    std::atomic<int> full{0};
    const auto answer = [&](const seccomp_data&) { return full > 0 ? (--full, EAGAIN) : 0; };
    const bool could = support::run_answering({SYS_sendmmsg}, answer, [&] {
        pirn::run([&] {
            auto server = net::udp_bind(net::address::loopback(0));
            auto client = net::udp_bind(net::address::loopback(0));
            const std::array<std::string, 5> texts{"one", "two", "three", "four", "five"};
            std::vector<net::udp_outgoing> batch;
            for (const std::string& each : texts) {
                batch.push_back({pirn::bytes{each}, server.local_address()});
            }
            for (int waits = 0; waits < 4; ++waits) {
                std::error_code error;
                full = waits;
                EXPECT_EQ(client.send_many(batch, error), texts.size());
                EXPECT_FALSE(error) << error;
                for (const std::string& each : texts) {
                    std::array<char, 16> space{};
                    const auto got = server.receive(space);
                    EXPECT_EQ(std::string(space.data(), got.size), each);
                }
            }
        });
    });
    if (!could) {
        GTEST_SKIP() << "the kernel, or its policy, lets no program answer system calls";
    }
}

} // namespace
