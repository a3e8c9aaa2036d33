// SPDX-License-Identifier: MIT
//
// Receives with the hint that nothing has arrived yet: it may be wrong, and changes no result.
#include <pirn/loop/operations.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <string>

#include <sys/socket.h>

namespace {

using pirn::run_mode;
using support::connection;

class wait_first_test : public support::on_each_backend {
  protected:
    int receives_early(support::receive& receive) {
        receive.wait_first = true;
        return perform(receive);
    }
    std::array<char, 8> space{};
};
INSTANTIATE_TEST_SUITE_P(receives, wait_first_test, support::every_backend(),
                         support::name_of_backend);

TEST_P(wait_first_test, gets_what_is_there_already_and_the_end) {
    connection pair = connection::tcp(loop());
    ASSERT_EQ(::send(pair.far(), "hello", 5, 0), 5);
    support::receive receive{pair.near(), space};
    EXPECT_EQ(receives_early(receive), 5);
    EXPECT_EQ(std::string(space.data(), 5), "hello");
    pair.close_far();
    EXPECT_EQ(receives_early(receive), 0);
}

TEST_P(wait_first_test, waits_for_what_comes_later) {
    connection pair = connection::tcp(loop());
    support::receive receive{pair.near(), space};
    receive.wait_first = true;
    loop().submit(receive);
    loop().run(run_mode::nowait);
    EXPECT_EQ(receive.completions, 0);
    ASSERT_EQ(::send(pair.far(), "late", 4, 0), 4);
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), 4);
}

TEST_P(wait_first_test, is_cancelled_while_it_waits) {
    connection pair = connection::tcp(loop());
    support::receive receive{pair.near(), space};
    receive.wait_first = true;
    loop().submit(receive);
    loop().run(run_mode::nowait);
    loop().cancel(receive);
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), -ECANCELED);
}

TEST_P(wait_first_test, tells_a_reset) {
    connection pair = connection::tcp(loop());
    pair.reset_far();
    support::receive receive{pair.near(), space};
    EXPECT_EQ(receives_early(receive), -ECONNRESET);
}

} // namespace
