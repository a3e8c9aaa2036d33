// SPDX-License-Identifier: MIT
//
// Forks are counted, in the child alone.
#include "os/fork.hpp"

#include "support/child.hpp"

#include <cstdlib>

namespace {

TEST(os_fork, makes_another_generation_in_the_child_and_none_in_the_parent) {
    pirn::os::watch_forks();
    const unsigned before = pirn::os::fork_generation();
    const support::child_end end = support::in_child([&] {
        if (pirn::os::fork_generation() != before + 1) {
            ::_exit(1);
        }
        const support::child_end grandchild = support::in_child([&] {
            if (pirn::os::fork_generation() != before + 2) {
                ::_exit(1);
            }
        });
        if (!grandchild.exited_with(0) || pirn::os::fork_generation() != before + 1) {
            ::_exit(2);
        }
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    EXPECT_EQ(pirn::os::fork_generation(), before);
    pirn::os::watch_forks(); // once is enough
    EXPECT_EQ(std::system("true"), 0);
    EXPECT_EQ(pirn::os::fork_generation(), before);
}

} // namespace
