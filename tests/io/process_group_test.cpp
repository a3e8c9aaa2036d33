// SPDX-License-Identifier: MIT
//
// Signals to a process group: every member gets them, whether the kernel signals a group by pidfd or by number. Without
// a group of its own, only the process that was started gets them.
#include <pirn/io/process.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/scope/timeout.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/answering.hpp"
#include "support/sanitizers.hpp"

#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace {

namespace io = pirn::io;
using namespace std::chrono_literals;

using process_groups = support::balanced<>;

// family: a shell, and a command that it waits for. Both hold the pipe, so that its end is the end of both.
class family {
  public:
    explicit family(bool own_group)
        : leader{{"sh", "-c", "sleep 100 & echo $!; wait"},
                 {.output = io::standard::pipe, .own_group = own_group}},
          output{std::move(leader.output())} {
        std::string number;
        for (std::string letter; letter != "\n"; letter = support::text_of(output, 1)) {
            number += letter;
        }
        member = std::stoi(number);
    }
    family(const family&) = delete;
    family& operator=(const family&) = delete;

    // ends: whether no member is left, within a time that no test needs.
    bool ends() {
        return pirn::try_with_timeout(10s, [&] { support::text_to_end(output); });
    }

    io::process leader;
    io::descriptor_stream output;
    pid_t member = 0;
};

void expect_that_all_end_by(const char* name, const std::function<void(io::process&)>& signal) {
    family group{true};
    signal(group.leader);
    if (!group.ends()) {
        ADD_FAILURE() << name << " has reached the leader only";
        ::kill(group.member, SIGKILL);
    }
}

void signal_whole_groups() {
    pirn::run([] {
        expect_that_all_end_by("signal", [](io::process& leader) { leader.signal(SIGTERM); });
        expect_that_all_end_by("terminate", [](io::process& leader) {
            EXPECT_EQ(leader.terminate().signal, SIGTERM);
        });
        expect_that_all_end_by("the destructor", [](io::process& leader) { leader = {}; });
    });
}

TEST_F(process_groups, get_signals_as_a_whole) { signal_whole_groups(); }

// Before Linux 6.9 the flag of a group is invalid, and a policy may not know the call.
TEST_F(process_groups, get_signals_as_a_whole_by_their_number) {
    for (const int error : {EINVAL, ENOSYS, EPERM}) {
        const bool could = support::run_answering(
            {SYS_pidfd_send_signal}, [error](const seccomp_data&) { return error; },
            &signal_whole_groups);
        if (!could) {
            GTEST_SKIP() << "the kernel, or its policy, lets no program answer system calls";
        }
    }
}

TEST_F(process_groups, of_the_program_itself_get_no_signal) {
    pirn::run([] {
        family both{false};
        both.leader.signal(SIGKILL);
        EXPECT_EQ(both.leader.wait().signal, SIGKILL);
        EXPECT_EQ(::kill(both.member, SIGKILL), 0) << "the signal has reached the child's child";
        EXPECT_TRUE(both.ends());
    });
}

} // namespace
