// SPDX-License-Identifier: MIT
//
// Closing ends everything that is in flight on a descriptor, not only the one that reads and the one that writes: reads
// and writes at an offset, locks, what waits for a thread of the pool.
#include <pirn/io/endpoint.hpp>

#include <pirn/io/descriptor_stream.hpp>
#include <pirn/io/file.hpp>
#include <pirn/loop/blocking_pool.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/os/handle.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/blocking.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "io/folder.hpp"
#include "support/account.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
using namespace std::chrono_literals;

class closing : public support::balanced<> {
  protected:
    support::folder here;
};

// An eventfd of zero: a read of it by io_uring waits, at any offset, until a value is written; pread refuses it. A helper
// writes, after a time that no test needs, so that a close that waits for it is a failure and not a hang.
class late_event {
  public:
    explicit late_event(int descriptor)
        : other_{[this, number = ::dup(descriptor)] {
              const pirn::os::handle event{number};
              if (end_.get_future().wait_for(10s) == std::future_status::timeout) {
                  came_ = true;
                  ::eventfd_write(event.get(), 1'000);
              }
          }} {}
    ~late_event() {
        end_.set_value();
        other_.join();
    }
    late_event(const late_event&) = delete;
    late_event& operator=(const late_event&) = delete;
    bool came() const { return came_; }

  private:
    std::promise<void> end_;
    std::atomic<bool> came_{false};
    std::thread other_;
};

TEST_F(closing, ends_reads_at_an_offset) {
    pirn::run([] {
        io::file file{pirn::os::handle{::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)}};
        const late_event rescue{file.native_handle()};
        std::vector<pirn::join_handle<>> readers;
        for (int i = 0; i < 3; ++i) {
            readers.push_back(pirn::spawn([&] {
                std::array<std::byte, 8> space{};
                std::error_code error;
                std::ignore = file.read_at(space, 0, error);
                EXPECT_TRUE(error == std::errc::operation_canceled ||
                            error == std::errc::invalid_seek)
                    << error;
            }));
        }
        pirn::sleep_for(5ms); // they are in flight
        file.close();
        for (auto& each : readers) each.get();
        EXPECT_FALSE(rescue.came()) << "the reads ended by themselves";
    });
}

// In the time of a test's clock, which jumps when there is nothing to do but to wait for it.
TEST_F(closing, ends_a_lock_that_waits) {
    pirn::test_clock clock{pirn::when_idle::jumps};
    pirn::run({.loop = {.time = &clock}}, [&] {
        io::file one = io::file::create(here / "f");
        io::file other = io::file::create(here / "f");
        one.lock();
        auto waiting = pirn::spawn([&] {
            std::error_code error;
            other.lock(io::file::lock_kind::exclusive, error);
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        pirn::sleep_for(1s); // it looks every 50 ms by now
        pirn::sleep_for(1ms);
        const auto before = clock.now();
        other.close();
        EXPECT_LT(clock.now() - before, 1ms) << "it has waited for the next look";
        waiting.get();
    });
}

// By epoll the only thread of the pool is at work, so that they are still in its queue.
TEST_F(closing, ends_syncs_that_wait_for_a_thread) {
    auto pool =
        std::make_shared<pirn::blocking_pool>(pirn::blocking_pool_options{.threads_max = 1});
    pirn::run({.loop = {.pool = pool}}, [&] {
        io::file file = io::file::open(here / "f", {.write = true, .create = true});
        std::promise<void> free;
        auto busy = pirn::spawn([&] {
            return pirn::blocking([done = free.get_future().share()] {
                return done.wait_for(10s) == std::future_status::timeout;
            });
        });
        pirn::sleep_for(2ms);
        std::vector<pirn::join_handle<>> tasks;
        const auto call = [&](const std::function<void(std::error_code&)>& function) {
            tasks.push_back(pirn::spawn([function] {
                std::error_code error;
                function(error);
                EXPECT_TRUE(!error || error == std::errc::operation_canceled) << error;
            }));
        };
        call([&](std::error_code& error) { file.sync(error); });
        call([&](std::error_code& error) { file.sync_data(error); });
        call([&](std::error_code& error) { file.truncate(10, error); });
        call([&](std::error_code& error) { file.allocate(0, 10, error); });
        call([&](std::error_code& error) { file.status(error); });
        call([&](std::error_code& error) { std::ignore = file.write_at("weft", 0, error); });
        call([&](std::error_code& error) {
            std::array<std::byte, 8> space{};
            std::ignore = file.read_at(space, 0, error);
        });
        pirn::sleep_for(2ms);
        file.close();
        for (auto& each : tasks) each.get();
        free.set_value();
        EXPECT_FALSE(busy.get()) << "closing has waited for the pool";
    });
}

std::array<pirn::os::handle, 2> nonblocking_sockets() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    return {pirn::os::handle{ends[0]}, pirn::os::handle{ends[1]}};
}

// A duplicate keeps alive what was closed, and with it what epoll watches under a number that is another socket's by now.
TEST_F(closing, lets_the_loop_forget_the_number) {
    pirn::run([] {
        auto closed = nonblocking_sockets();
        const auto other = nonblocking_sockets();
        std::array<std::byte, 8> space{};
        io::descriptor_stream stream{std::move(closed[0])};
        const int number = stream.native_handle();
        const pirn::os::handle duplicate{::fcntl(number, F_DUPFD_CLOEXEC, 0)};
        EXPECT_FALSE(pirn::try_with_timeout(1ms, [&] { std::ignore = stream.read(space); }));
        stream.close();

        const pirn::os::handle reused{::dup3(other[0].get(), number, O_CLOEXEC)};
        auto sending = pirn::spawn([&] {
            pirn::sleep_for(1ms);
            EXPECT_EQ(::send(other[1].get(), "weft", 4, MSG_NOSIGNAL), 4);
        });
        pirn::awaitable<pirn::receive_operation> receive{number, pirn::mutable_bytes{space}};
        EXPECT_EQ(pirn::try_with_timeout(5s, [&] { return pirn::await(receive); }), 4)
            << "the loop watches the closed socket";
        sending.get();
        pirn::current_loop().release(number);
    });
}

} // namespace
