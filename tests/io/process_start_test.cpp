// SPDX-License-Identifier: MIT
//
// Starting and ending children where something else has its hands on them: a program that ignores SIGCHLD, or waits
// for any child, and a policy that refuses the calls by which a child and its pidfd are had.
#include <pirn/base/error.hpp>
#include <pirn/io/process.hpp>
#include <pirn/runtime/runtime.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
using namespace std::chrono_literals;
using words = std::vector<std::string>;

void must(bool holds, int code) {
    if (!holds) {
        ::_exit(code);
    }
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0 || errno != ECHILD; }

// What a process does when nothing is in its way; in a child process, which has no gtest.
void use_processes() {
    const auto result = io::run_process({"sh", "-c", "cat; echo err >&2; exit 3"}, "in");
    must(result.output == "in" && result.errors == "err\n" && result.end.status == 3, 10);
    std::error_code error;
    const io::process none{{"/nowhere/nothing"}, {.input = io::standard::pipe}, error};
    must(error == std::errc::no_such_file_or_directory && !none.running(), 11);
    const io::process nowhere{{"true"}, {.working_directory = "/nowhere"}, error};
    must(error == std::errc::no_such_file_or_directory, 12);
    must(!has_children(), 13);
    must(io::run_process({"ls", "/proc/self/fd"}).output == "0\n1\n2\n3\n", 14);
    must(io::run_process({"pwd"}, {}, {.working_directory = "/usr"}).output == "/usr\n", 15);
    {
        io::process waits{{"sleep", "100"}};
        must(!waits.try_wait(), 16);
        must(waits.terminate().signal == SIGTERM, 17);
        const io::process forgotten{{"sleep", "100"}};
        io::process group{{"sleep", "100"}, {.own_group = true}};
        group.signal(SIGKILL);
        must(group.wait().signal == SIGKILL, 20);
    }
    must(!has_children(), 21);
}

void expect_good(const std::function<void()>& code, const char* place) {
    const support::child_end end = support::in_child([&] {
        try {
            pirn::run(code);
        } catch (const std::exception& thrown) {
            std::fprintf(stderr, "%s\n", thrown.what());
            ::_exit(3);
        }
    });
    EXPECT_TRUE(end.exited_with(0)) << place << ": " << end;
}

TEST(process_start, works_whatever_way_to_a_child_is_refused) {
    expect_good(use_processes, "nothing is refused");
    struct {
        const char* name;
        std::initializer_list<long> calls;
    } const policies[]{
        {"clone", {SYS_clone}},
        {"clone3", {SYS_clone3}},
        {"pidfd_open", {SYS_pidfd_open}},
        {"pidfd_send_signal", {SYS_pidfd_send_signal}},
        {"close_range", {SYS_close_range}},
        {"clone, close_range, pidfd_open", {SYS_clone, SYS_close_range, SYS_pidfd_open}},
    };
    for (const auto& policy : policies) {
        for (const int error : {EPERM, ENOSYS}) {
            if (error == EPERM && *policy.calls.begin() == SYS_clone3) {
                continue; // the C library makes no threads then, and we start children on one
            }
            if (support::slowness > 1 && error == EPERM) {
                continue; // a child of a large process takes long
            }
            expect_good(
                [&] {
                    must(support::forbid(policy.calls, support::fail_with(error)), 4);
                    use_processes();
                },
                policy.name);
        }
    }
}

// Only fork is left, and it gives no pidfd along.
bool forbid_pidfds_of_clone(int error) {
    const std::uint32_t answer = support::fail_with(error);
    sock_filter program[]{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_PIDFD, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

TEST(process_start, works_by_fork_alone) {
    for (const int error : {EPERM, ENOSYS, EINVAL}) {
        if (support::slowness > 1 && error != ENOSYS) {
            continue;
        }
        expect_good(
            [&] {
                must(forbid_pidfds_of_clone(error), 4);
                use_processes();
                ::signal(SIGCHLD, SIG_IGN);
                std::error_code failed;
                for (int i = 0; i < 20; ++i) {
                    io::process one{{"true"}};
                    one.wait(failed);
                    must(failed == std::errc::no_child_process, 30);
                    const io::process none{{"/nowhere/nothing"}, {}, failed};
                    must(failed == std::errc::no_such_file_or_directory, 31);
                }
            },
            "fork");
    }
}

TEST(process_start, without_any_way_is_an_error_that_leaves_nothing) {
    const support::child_end end = support::in_child([] {
        must(support::forbid({SYS_pidfd_open}, support::fail_with(ENOSYS)), 4);
        must(forbid_pidfds_of_clone(EPERM), 4);
        pirn::run([] {
            for (int i = 0; i < 10; ++i) {
                std::error_code error;
                const io::process none{{"touch", "/tmp/pirn-never-made"}, {}, error};
                must(error == std::errc::function_not_supported, 5);
                must(!none.running() && !has_children(), 6);
            }
        });
        must(!std::filesystem::exists("/tmp/pirn-never-made"), 7);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

// kill(2) would be by number.
TEST(process_start, where_sigchld_is_ignored_loses_the_end_and_nothing_else) {
    expect_good(
        [] {
            must(support::forbid({SYS_kill, SYS_tgkill, SYS_tkill}, support::die), 4);
            ::signal(SIGCHLD, SIG_IGN);
            for (int i = 0; i < 20; ++i) {
                io::process one{{"echo", "words"}, {.output = io::standard::pipe}};
                must(support::text_to_end(one.output()) == "words\n", 5);
                for (int again = 0; again < 2; ++again) {
                    std::error_code error;
                    one.wait(error);
                    must(error == std::errc::no_child_process, 6);
                }
                try {
                    one.wait();
                    ::_exit(7);
                } catch (const std::system_error&) {
                }
                try {
                    std::ignore = one.try_wait();
                    ::_exit(8);
                } catch (const std::system_error&) {
                }
                one.signal(SIGTERM); // there is no such process any more
                const io::process moved{std::move(one)};
                must(!moved.running(), 9);
                const io::process killed{{"sleep", "100"}};
                const io::process group{{"sleep", "100"}, {.own_group = true}};
                io::process gone{{"true"}, {.own_group = true}};
                ::usleep(static_cast<unsigned>(i) * 100);
                gone.signal(SIGTERM);
            }
        },
        "SIGCHLD is ignored");
}

TEST(process_start, beside_a_thread_that_reaps_every_child_keeps_to_its_own) {
    expect_good(
        [] {
            must(support::forbid({SYS_kill}, support::die), 4);
            std::atomic<bool> stop{false};
            std::thread reaper{[&stop] {
                while (!stop) {
                    ::waitpid(-1, nullptr, WNOHANG);
                }
            }};
            for (int i = 0; i < 50; ++i) {
                io::process one{{"sh", "-c", "exit 5"}};
                std::error_code error;
                const io::exit_state end = one.wait(error);
                must(error ? error == std::errc::no_child_process : end.status == 5, 5);
                const io::process none{{"/nowhere/nothing"}, {}, error};
                must(error == std::errc::no_such_file_or_directory, 6);
                const io::process killed{{"sleep", "100"}};
            }
            stop = true;
            reaper.join();
        },
        "any child is reaped");
}

TEST(process_start, that_fails_says_what_is_to_blame) {
    const support::folder here;
    const auto script = here.put("script", "#!/nowhere/interpreter\n");
    std::filesystem::permissions(script, std::filesystem::perms{0755});
    here.put("file", "");
    const auto said = [](const words& command, const io::process_options& options) {
        std::error_code code;
        std::string message;
        pirn::run([&] {
            try {
                io::process{command, options};
                ADD_FAILURE() << command.front();
            } catch (const std::system_error& thrown) {
                message = thrown.what();
                code = thrown.code();
            }
            std::error_code error;
            io::process{command, options, error};
            EXPECT_EQ(error, code);
        });
        return message;
    };
    EXPECT_EQ(said({"true"}, {.working_directory = "/nowhere"}),
              "start true: working directory /nowhere: No such file or directory");
    EXPECT_EQ(said({"/bin/true"}, {.working_directory = here / "file"}),
              "start /bin/true: working directory " + (here / "file").string() +
                  ": Not a directory");
    EXPECT_EQ(said({"no-such-program-anywhere"}, {}),
              "start no-such-program-anywhere: No such file or directory");
    EXPECT_EQ(said({script.string()}, {}),
              "start " + script.string() + ": its interpreter: No such file or directory");
    EXPECT_EQ(said({"true"}, {.output = io::standard::descriptor(9999)}),
              "start true: standard streams: Bad file descriptor");
    EXPECT_EQ(said({""}, {}), "start : No such file or directory");
    EXPECT_EQ(said({"./true"}, {.working_directory = "/bin/.."}),
              "start ./true: No such file or directory");
}

TEST(process_start, looks_for_programs_as_execvp_does) {
    const support::folder here;
    const auto make = [&](const std::string& name, const std::string& text, unsigned mode) {
        const auto path = here.put(name, text);
        std::filesystem::permissions(path, std::filesystem::perms{mode});
    };
    std::filesystem::create_directory(here / "a");
    std::filesystem::create_directory(here / "b");
    make("a/both", "not to be run", 0644);
    make("b/both", "#!/bin/sh\necho b\n", 0755);
    make("a/denied", "not to be run", 0644);
    make("here", "#!/bin/sh\necho here\n", 0755);
    const char* const before = ::getenv("PATH");
    const std::string old = before == nullptr ? "" : before;
    ::setenv("PATH", ("/nowhere:" + (here / "a").string() + "::" + (here / "b").string()).c_str(),
             1);
    pirn::run([&] {
        EXPECT_EQ(io::run_process({"both"}).output, "b\n") << "past what may not be run";
        EXPECT_EQ(io::run_process({"here"}, {}, {.working_directory = here.path()}).output,
                  "here\n");
        std::error_code error;
        const io::process denied{{"denied"}, {}, error};
        EXPECT_EQ(error, std::errc::permission_denied);
        const io::process none{{"none"}, {}, error};
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
    });
    ::setenv("PATH", old.c_str(), 1);
}

} // namespace
