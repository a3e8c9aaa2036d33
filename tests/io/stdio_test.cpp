// SPDX-License-Identifier: MIT
//
// The standard streams, with something else in their places for the time of a test.
#include <pirn/io/stdio.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/file.hpp>
#include <pirn/io/reader.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/account.hpp"

#include <array>
#include <system_error>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
using stdio = support::balanced<>;

// A standard stream that is another descriptor while this lives.
class replaced {
  public:
    replaced(int number, int by) : number_{number}, saved_{::fcntl(number, F_DUPFD_CLOEXEC, 10)} {
        ::dup2(by, number);
    }
    ~replaced() {
        ::dup2(saved_, number_);
        ::close(saved_);
    }
    replaced(const replaced&) = delete;
    replaced& operator=(const replaced&) = delete;

  private:
    int number_;
    int saved_;
};

TEST_F(stdio, are_streams_that_leave_the_descriptors_alone) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    ASSERT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    {
        const replaced input{0, in[0]};
        const replaced errors{2, out[1]};
        pirn::run([&] {
            auto from = io::standard_input();
            auto to = io::standard_error();
            EXPECT_GT(from.native_handle(), 2);
            auto echo = pirn::spawn([&] {
                io::reader lines{from};
                while (auto line = lines.line()) {
                    to.write_all(*line);
                    to.write_all("!");
                }
            });
            pirn::yield_now();
            ASSERT_EQ(::write(in[1], "one\ntwo\n", 8), 8);
            ::close(in[1]);
            echo.get();
            from.close();
            EXPECT_GE(::fcntl(0, F_GETFD), 0);
            EXPECT_EQ(::fcntl(0, F_GETFL) & O_NONBLOCK, 0);
        });
    }
    std::array<char, 16> said{};
    EXPECT_EQ(::read(out[0], said.data(), said.size()), 8);
    EXPECT_STREQ(said.data(), "one!two!");
    for (const int each : {in[0], out[0], out[1]}) ::close(each);
}

TEST_F(stdio, may_be_files) {
    const support::folder here;
    const int file = ::open(here.put("f", "from a file").c_str(), O_RDONLY | O_CLOEXEC);
    const replaced input{0, file};
    pirn::run([&] {
        auto from = io::standard_input();
        EXPECT_EQ(support::text_to_end(from), "from a file");
    });
    ::close(file);
}

TEST_F(stdio, that_are_closed_are_an_error) {
    pirn::run([] {
        const int saved = ::fcntl(1, F_DUPFD_CLOEXEC, 10);
        ::close(1); // in the runtime, whose own descriptors would take its place
        EXPECT_THROW(io::standard_output(), std::system_error);
        ::dup2(saved, 1);
        ::close(saved);
    });
}

TEST_F(stdio, know_the_size_of_a_terminal) {
    const pirn::os::handle master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    ASSERT_TRUE(master);
    EXPECT_TRUE(io::is_terminal(master.get()));
    winsize size{};
    size.ws_col = 132;
    size.ws_row = 43;
    ASSERT_EQ(::ioctl(master.get(), TIOCSWINSZ, &size), 0);
    const auto told = io::size_of_terminal(master.get());
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->columns, 132U);
    EXPECT_EQ(told->rows, 43U);
    const pirn::os::handle none{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    EXPECT_FALSE(io::is_terminal(none.get()));
    EXPECT_FALSE(io::size_of_terminal(none.get()).has_value());
}

} // namespace
