// SPDX-License-Identifier: MIT
//
// What programs do with the descriptors that they are given.
#include <pirn/base/error.hpp>
#include <pirn/io/conformance.hpp>
#include <pirn/io/process.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
using namespace std::chrono_literals;
using words = std::vector<std::string>;

class given_descriptors : public support::balanced<> {};

// cat knows nothing of EAGAIN: what it is given waits, whatever our own loop needs.
TEST_F(given_descriptors, wait_in_the_child) {
    pirn::run([] {
        auto [reading, writing] = io::make_pipe();
        std::array<int, 2> sockets{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
        io::descriptor_stream near{pirn::os::handle{sockets[0]}};
        io::descriptor_stream far{pirn::os::handle{sockets[1]}};
        const std::array<std::pair<io::descriptor_stream*, io::descriptor_stream*>, 2> all{
            {{&reading, &writing}, {&near, &far}}};
        for (const auto& [given, ours] : all) {
            io::process cat{{"cat"},
                            {.input = io::standard::descriptor(given->descriptor()),
                             .output = io::standard::pipe,
                             .errors = io::standard::nothing}};
            pirn::sleep_for(50ms); // so that it waits, or has died
            std::error_code error;
            ours->write_all("hello", error);
            EXPECT_EQ(support::text_of(cat.output(), 5), "hello");
            given->close();
            ours->close();
            EXPECT_TRUE(cat.wait().success());
        }
    });
}

// And what stays ours does not hold up the thread.
TEST_F(given_descriptors, stay_usable_here) {
    pirn::run([] {
        auto [reading, writing] = io::make_pipe();
        io::process quiet{{"true"}, {.input = io::standard::descriptor(reading.descriptor())}};
        EXPECT_TRUE(quiet.wait().success());
        std::array<char, 4> buffer{};
        EXPECT_FALSE(pirn::try_with_timeout(20ms, [&] { reading.read(buffer); }));
        writing.write_all("x");
        EXPECT_EQ(reading.read(buffer), 1U);
    });
}

} // namespace
