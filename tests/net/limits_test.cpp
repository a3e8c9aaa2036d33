// SPDX-License-Identifier: MIT
//
// A process without descriptors: accept waits, the others are served, and whoever knocked is let in
// in the end (hazard 34).
#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <ctime>

#include <gtest/gtest.h>

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
    SKIP_WHEN(support::under_undefined_behavior_sanitizer, "it needs descriptors itself");
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

} // namespace
