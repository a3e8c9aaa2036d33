// SPDX-License-Identifier: MIT
//
// The bridge: the completion of an operation wakes the task that awaits it, and a task that is asked to
// stop gets its operation back before it goes on.
#include <pirn/runtime/await.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <random>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

class awaiting : public support::balanced<> {
  protected:
    void SetUp() override {
        ASSERT_EQ(
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_.data()), 0);
    }
    void TearDown() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
        balanced::TearDown();
    }
    int near() const { return ends_[0]; }
    int far() const { return ends_[1]; }
    void speak() const { ASSERT_EQ(::write(far(), "!", 1), 1); }

    // Inside run: the loop must forget the descriptor before it is closed.
    void forget() const { pirn::current_loop().release(near()); }

  private:
    std::array<int, 2> ends_{-1, -1};
};

constexpr short readable{POLLIN};

TEST_F(awaiting, returns_the_result_of_the_operation) {
    pirn::run([this] {
        auto speaker = pirn::spawn([this] { speak(); });
        pirn::awaitable<pirn::poll_operation> ready{near(), readable};
        EXPECT_EQ(pirn::await(ready) & POLLIN, POLLIN);
        std::array<std::byte, 8> buffer{};
        pirn::awaitable<pirn::receive_operation> receive{near(), pirn::mutable_bytes{buffer}};
        EXPECT_EQ(pirn::await(receive), 1);
        forget();
    });
}

TEST_F(awaiting, is_cancelled_with_the_task_and_leaves_the_buffer_alone) {
    pirn::run([this] {
        std::array<std::byte, 8> buffer{};
        auto reader = pirn::spawn([&] {
            pirn::awaitable<pirn::receive_operation> receive{near(), pirn::mutable_bytes{buffer}};
            EXPECT_EQ(pirn::await(receive), -ECANCELED);
            EXPECT_FALSE(receive.in_flight());
        });
        pirn::yield_now();
        EXPECT_EQ(pirn::live().operations, 1);
        reader.request_stop();
        reader.get();
        speak();
        pirn::sleep_for(1ms);
        EXPECT_EQ(buffer[0], std::byte{0});
        forget();
    });
}

TEST_F(awaiting, starts_nothing_in_a_task_that_was_asked_to_stop_before) {
    speak();
    pirn::run([this] {
        auto reader = pirn::spawn([&] {
            std::array<std::byte, 8> buffer{};
            pirn::awaitable<pirn::receive_operation> receive{near(), pirn::mutable_bytes{buffer}};
            EXPECT_EQ(pirn::await(receive), -ECANCELED);
            pirn::awaitable<pirn::receive_operation> shielded{near(), pirn::mutable_bytes{buffer}};
            EXPECT_EQ(pirn::await_shielded(shielded), 1) << "the byte is still there";
        });
        reader.request_stop();
        reader.get();
        forget();
    });
}

TEST_F(awaiting, shielded_outlasts_a_request_to_stop) {
    pirn::run([this] {
        auto reader = pirn::spawn([&] {
            std::array<std::byte, 8> buffer{};
            pirn::awaitable<pirn::receive_operation> receive{near(), pirn::mutable_bytes{buffer}};
            EXPECT_EQ(pirn::await_shielded(receive), 1);
        });
        pirn::yield_now();
        reader.request_stop();
        pirn::yield_now();
        EXPECT_FALSE(reader.done());
        speak();
        reader.get();
        forget();
    });
}

TEST_F(awaiting, loses_no_byte_when_the_request_to_stop_races_with_the_arrival) {
    pirn::run([this] {
        std::mt19937 random{2};
        int sent = 0;
        int received = 0;
        for (int round = 0; round < 3000; ++round) {
            auto reader = pirn::spawn([&] {
                std::array<std::byte, 64> buffer{};
                pirn::awaitable<pirn::receive_operation> receive{near(),
                                                                 pirn::mutable_bytes{buffer}};
                const int result = pirn::await(receive);
                EXPECT_TRUE(result > 0 || result == -ECANCELED) << result;
                received += result > 0 ? result : 0;
            });
            const auto turns = random() % 4;
            for (unsigned i = 0; i < turns; ++i) pirn::yield_now();
            speak();
            ++sent;
            if (random() % 2 == 0) pirn::yield_now();
            reader.request_stop();
            reader.get();
            std::array<std::byte, 64> rest{};
            const ssize_t left = ::recv(near(), rest.data(), rest.size(), MSG_DONTWAIT);
            received += left > 0 ? static_cast<int>(left) : 0;
            ASSERT_EQ(sent, received);
        }
        forget();
    });
}

TEST_F(awaiting, sees_what_has_arrived_although_each_request_is_soon_cancelled) {
    pirn::run([this] {
        const auto short_look = [this] {
            std::array<std::byte, 8> buffer{};
            auto reader = pirn::spawn([&] {
                pirn::awaitable<pirn::receive_operation> receive{near(),
                                                                 pirn::mutable_bytes{buffer}};
                return pirn::await(receive);
            });
            pirn::yield_now(); // the loop has no turn in between
            reader.request_stop();
            return reader.get();
        };
        EXPECT_EQ(short_look(), -ECANCELED);
        speak();
        int looks = 0;
        while (short_look() != 1 && ++looks < 100) {
        }
        EXPECT_LT(looks, 100);
        forget();
    });
}

TEST_F(awaiting, gives_way_when_every_request_is_answered_at_once) {
    pirn::run([this] {
        bool other_had_a_turn = false;
        auto other = pirn::spawn([&] { other_had_a_turn = true; });
        int requests = 0;
        while (!other_had_a_turn && requests < 10'000) {
            std::array<std::byte, 1> one{};
            pirn::awaitable<pirn::send_operation> send{near(), pirn::bytes{one}};
            ASSERT_EQ(pirn::await(send), 1);
            ++requests;
            ASSERT_EQ(::read(far(), one.data(), 1), 1);
        }
        EXPECT_TRUE(other_had_a_turn);
        EXPECT_LE(requests, 33);
        forget();
    });
}

TEST_F(awaiting, is_refused_outside_of_a_runtime) {
    pirn::scheduler without_io;
    auto task = without_io.spawn([] {
        EXPECT_TRUE(
            support::complains([] { static_cast<void>(pirn::current_loop()); }, "pirn::run"));
    });
    task.join();
}

} // namespace
