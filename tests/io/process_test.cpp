// SPDX-License-Identifier: MIT
//
// Other programs. Hazards 35 (SIGPIPE), 47 (descriptors that are inherited) and 48 (children of others).
#include <pirn/io/process.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/conformance.hpp>
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

class processes : public support::balanced<> {
  protected:
    void TearDown() override {
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child, or a zombie, is left";
        balanced::TearDown();
    }
};

std::string said_by(const words& command, const io::process_options& options = {}) {
    const auto result = io::run_process(command, {}, options);
    EXPECT_TRUE(result.end.success()) << result.errors;
    return result.output;
}

TEST_F(processes, are_talked_to_through_pipes) {
    pirn::run([] {
        io::process sort{{"sort", "-n"},
                         {.input = io::standard::pipe, .output = io::standard::pipe}};
        EXPECT_GT(sort.id(), 0);
        EXPECT_TRUE(sort.running());
        EXPECT_FALSE(sort.errors().is_open());
        sort.input().write_all("3\n1\n2\n");
        sort.input().close();
        EXPECT_EQ(support::text_to_end(sort.output()), "1\n2\n3\n");
        EXPECT_TRUE(sort.wait().success());
        EXPECT_TRUE(sort.wait().success()) << "again";
        EXPECT_FALSE(sort.running());
        EXPECT_TRUE(sort.try_wait()->success());
        sort.signal(SIGTERM); // nobody is there any more
    });
}

TEST_F(processes, carry_bytes_as_every_stream_does) {
    pirn::run([] {
        // cat's input and output, each with the other as its peer. It holds back and passes on, so that only laws
        // about what arrives are asked.
        std::vector<std::shared_ptr<io::process>> cats;
        struct end : io::byte_stream {
            explicit end(std::shared_ptr<io::process> whose) : cat{std::move(whose)} {}
            std::size_t do_read(pirn::mutable_bytes into, std::error_code& error) override {
                return cat->output().read(into, error);
            }
            std::size_t do_write(pirn::bytes from, std::error_code& error) override {
                return cat->input().write(from, error);
            }
            void do_shutdown_write(std::error_code& error) override {
                cat->input().shutdown_write(error);
            }
            void do_close() noexcept override { (reads ? cat->output() : cat->input()).close(); }
            std::shared_ptr<io::process> cat;
            bool reads = false;
        };
        support::expect_conformance(
            [&] {
                auto cat = std::make_shared<io::process>(
                    words{"cat"},
                    io::process_options{.input = io::standard::pipe, .output = io::standard::pipe});
                auto reader = std::make_unique<end>(cat);
                reader->reads = true;
                return io::checked_pair{std::make_unique<end>(cat), std::move(reader)};
            },
            {.two_way = false});
    });
}

TEST_F(processes, say_how_they_have_ended) {
    pirn::run([] {
        EXPECT_EQ(io::run_process({"sh", "-c", "exit 7"}).end.status, 7);
        const auto killed = io::run_process({"sh", "-c", "kill -9 $$"}).end;
        EXPECT_EQ(killed.signal, SIGKILL);
        EXPECT_EQ(killed.shell_status(), 137);
        EXPECT_FALSE(killed.success());
        io::process waits{{"sleep", "100"}};
        EXPECT_EQ(waits.try_wait(), std::nullopt);
    });
}

TEST_F(processes, that_cannot_be_run_are_an_error_and_leave_nothing) {
    pirn::run([] {
        EXPECT_THROW(io::process{{"/nowhere/nothing"}}, std::system_error);
        std::error_code error;
        const io::process none{{"no-such-program-anywhere"}, {.input = io::standard::pipe}, error};
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
        EXPECT_FALSE(none.running());
        const io::process nowhere{{"true"}, {.working_directory = "/nowhere"}, error};
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
        const io::process folder{{"/tmp"}, {}, error};
        EXPECT_EQ(error, std::errc::permission_denied);
    });
}

TEST_F(processes, find_the_environment_and_the_place_that_they_were_given) {
    pirn::run([] {
        ::setenv("PIRN_INHERITED", "yes", 1);
        EXPECT_EQ(said_by({"/bin/sh", "-c", "echo $PIRN_INHERITED"}), "yes\n");
        EXPECT_EQ(said_by({"/usr/bin/env"}, {.environment = words{"A=1", "B=2"}}), "A=1\nB=2\n");
        EXPECT_EQ(said_by({"/usr/bin/env"}, {.environment = words{"A=1", "B=2", "AB=3"},
                                             .environment_changes = {"A=x=y", "B", "C="}}),
                  "AB=3\nA=x=y\nC=\n");
        EXPECT_EQ(said_by({"/bin/sh", "-c", "echo ${PIRN_INHERITED-none}"},
                          {.environment_changes = {"PIRN_INHERITED"}}),
                  "none\n");
        EXPECT_EQ(said_by({"pwd"}, {.working_directory = "/usr"}), "/usr\n");
    });
}

TEST_F(processes, get_words_as_they_are_because_there_is_no_shell) {
    pirn::run([] {
        EXPECT_EQ(said_by({"printf", "%s|", "a b", "$HOME", "*", "", "; ls"}),
                  "a b|$HOME|*||; ls|");
    });
}

// ls opens the folder itself, which is the lowest free number.
TEST_F(processes, have_no_descriptor_but_three) {
    const int careless =
        ::open("/dev/null", O_RDONLY); // NOLINT: without close-on-exec, that is the question
    const int high = ::fcntl(careless, F_DUPFD, 200);
    pirn::run([&] {
        EXPECT_EQ(said_by({"ls", "/proc/self/fd"}), "0\n1\n2\n3\n");
        EXPECT_EQ(said_by({"ls", "/proc/self/fd"}, {.own_group = true}), "0\n1\n2\n3\n");
    });
    ::close(careless);
    ::close(high);
}

TEST_F(processes, take_streams_in_every_way) {
    pirn::run([] {
        const support::folder here;
        io::process one{{"sh", "-c", "echo out; echo err >&2"},
                        {.input = io::standard::nothing,
                         .output = io::standard::pipe,
                         .errors = io::standard::as_output}};
        EXPECT_EQ(support::text_to_end(one.output()), "out\nerr\n");
        one.wait();
        const pirn::os::handle file{
            ::open((here / "f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
        io::process other{{"sh", "-c", "cat; echo out; echo err >&2"},
                          {.input = io::standard::nothing,
                           .output = io::standard::descriptor(file.get()),
                           .errors = io::standard::descriptor(file.get())}};
        EXPECT_TRUE(other.wait().success());
        EXPECT_EQ(here.get("f"), "out\nerr\n");
        EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC) << "still ours, as it was";
    });
}

TEST_F(processes, get_streams_also_where_ours_are_closed) {
    const int in = ::fcntl(0, F_DUPFD_CLOEXEC, 10);
    const int out = ::fcntl(1, F_DUPFD_CLOEXEC, 10);
    ::close(0);
    ::close(1); // so that pipes get these numbers
    std::string said;
    pirn::run([&] { said = io::run_process({"cat"}, "through it").output; });
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::close(in);
    ::close(out);
    EXPECT_EQ(said, "through it");
}

TEST_F(processes, start_with_no_signal_blocked_and_with_sigpipe_as_it_is_by_default) {
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto old = ::signal(SIGPIPE, SIG_IGN);
    pirn::run([] {
        const std::string status = said_by({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"});
        EXPECT_NE(status.find("SigBlk:\t0000000000000000"), std::string::npos) << status;
        const auto at = status.find("SigIgn:\t") + 8;
        EXPECT_EQ(std::stoull(status.substr(at, 16), nullptr, 16) & (1U << (SIGPIPE - 1)), 0U);
    });
    ::signal(SIGPIPE, old);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(processes, that_do_not_read_raise_no_signal_here) {
    ::signal(SIGPIPE, SIG_DFL);
    pirn::run([] {
        const auto lot = support::pattern(1 << 20);
        EXPECT_TRUE(io::run_process({"true"}, lot).end.success());
        io::process deaf{{"true"}, {.input = io::standard::pipe}};
        deaf.wait();
        std::error_code error;
        deaf.input().write_all(lot, error);
        EXPECT_EQ(error, std::errc::broken_pipe);
    });
}

TEST_F(processes, leave_when_asked_and_are_killed_when_they_do_not) {
    pirn::run([] {
        io::process polite{{"sleep", "100"}};
        EXPECT_EQ(polite.terminate().signal, SIGTERM);
        io::process stubborn{{"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"},
                             {.output = io::standard::pipe, .own_group = true}};
        EXPECT_EQ(support::text_of(stubborn.output(), 5), "ready");
        EXPECT_EQ(stubborn.terminate(20ms).signal, SIGKILL);
        EXPECT_EQ(stubborn.terminate().signal, SIGKILL) << "again";
    });
}

TEST_F(processes, are_killed_and_reaped_with_their_owner_whenever_it_goes) {
    std::optional<io::process> kept;
    pirn::run([&] {
        pid_t id = 0;
        {
            io::process forgotten{{"sleep", "100"}};
            id = forgotten.id();
            EXPECT_EQ(::kill(id, 0), 0);
        }
        EXPECT_EQ(::kill(id, 0), -1);
        auto stopped = pirn::spawn([&] {
            io::process one{{"sleep", "100"}};
            id = one.id();
            one.wait();
        });
        while (id == 0 || ::kill(id, 0) != 0) pirn::sleep_for(1ms);
        stopped.request_stop();
        EXPECT_THROW(stopped.get(), pirn::cancelled);
        EXPECT_EQ(::kill(id, 0), -1);
        kept.emplace(words{"sleep", "100"});
        io::process replaced{{"sleep", "100"}};
        replaced = io::process{{"true"}};
        EXPECT_TRUE(replaced.wait().success());
    });
    kept.reset(); // after its runtime
}

TEST_F(processes, outlive_a_wait_that_is_cancelled) {
    pirn::run([] {
        io::process one{{"sleep", "100"}};
        EXPECT_FALSE(pirn::try_with_timeout(5ms, [&] { one.wait(); }));
        EXPECT_TRUE(one.running());
    });
}

TEST_F(processes, whose_end_somebody_else_has_taken_say_so) {
    pirn::run([] {
        io::process one{{"true"}};
        ASSERT_EQ(::waitpid(one.id(), nullptr, 0), one.id());
        std::error_code error;
        one.wait(error);
        EXPECT_EQ(error, std::errc::no_child_process);
        EXPECT_FALSE(one.running());
    });
}

// A thousand of ours while a thread of the program starts and waits for its own; nobody gets the other's.
TEST_F(processes, by_the_thousand_leave_the_programs_own_children_and_its_sigchld_alone) {
    static std::atomic<int> heard{0};
    struct sigaction mine{};
    mine.sa_handler = [](int) { ++heard; };
    mine.sa_flags = SA_RESTART;
    struct sigaction before{};
    ::sigaction(SIGCHLD, &mine, &before);
    std::atomic<bool> stop{false};
    int theirs = 0;
    std::thread program{[&] {
        while (!stop) {
            const pid_t child = ::fork();
            if (child == 0) ::_exit(3);
            int status = 0;
            ASSERT_EQ(::waitpid(child, &status, 0), child);
            ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
            ++theirs;
        }
    }};
    const int each = 1000 / support::slowness / 10;
    pirn::run([&] {
        std::vector<pirn::join_handle<>> tasks;
        for (int task = 0; task < 10; ++task) {
            tasks.push_back(pirn::spawn([&, task] {
                for (int i = 0; i < each; ++i) {
                    const int wanted = (task * 31 + i) % 200;
                    io::process one{{"sh", "-c", "exit " + std::to_string(wanted)}};
                    ASSERT_EQ(one.wait().status, wanted);
                }
            }));
        }
        for (auto& task : tasks) task.get();
    });
    stop = true;
    program.join();
    EXPECT_GT(theirs, 0);
    EXPECT_GE(heard, 1) << "the program's handler is still there";
    struct sigaction left{};
    ::sigaction(SIGCHLD, &before, &left);
    EXPECT_EQ(left.sa_handler, mine.sa_handler);
}

TEST_F(processes, that_say_too_much_are_refused) {
    pirn::run([] {
        EXPECT_THROW(io::run_process({"yes"}, {}, {}, 100'000), std::system_error);
        const auto result = io::run_process({"sh", "-c", "cat; echo oops >&2; exit 1"}, "in");
        EXPECT_EQ(result.output, "in");
        EXPECT_EQ(result.errors, "oops\n");
        EXPECT_EQ(result.end.status, 1);
    });
}

TEST_F(processes, are_waited_for_without_those_that_keep_their_pipes) {
    pirn::run([] {
        const words leaves_one{"sh", "-c", "echo out; echo err >&2; sleep 100 & echo $!"};
        const auto began = pirn::clock::now();
        const auto result = io::run_process(leaves_one, "unread", {.until_exit = true});
        EXPECT_LT(pirn::clock::now() - began, 50s);
        ASSERT_TRUE(result.output.starts_with("out\n")) << result.output;
        EXPECT_EQ(result.errors, "err\n");
        EXPECT_TRUE(result.end.success());
        const pid_t left = std::stoi(result.output.substr(4));
        EXPECT_EQ(::kill(left, SIGKILL), 0) << "it was left alone";
        // One whose pipes have no other writer is read to the end, however much it is.
        const auto much = support::pattern(3 << 20);
        EXPECT_EQ(io::run_process({"cat"}, much, {.until_exit = true}).output.size(), much.size());
        const words much_and_leave{"sh", "-c",
                                   "head -c 200000 /dev/zero; sleep 100 >&2 & echo $! >&2"};
        const auto most = io::run_process(much_and_leave, {}, {.until_exit = true});
        EXPECT_EQ(most.output.size(), 200'000U);
        ::kill(std::stoi(most.errors), SIGKILL);
        EXPECT_THROW(io::run_process({"yes"}, {}, {.until_exit = true}, 100'000),
                     std::system_error);
        EXPECT_FALSE(pirn::try_with_timeout(
            20ms, [] { io::run_process({"sleep", "100"}, {}, {.until_exit = true}); }));
    });
}

TEST_F(processes, without_a_command_or_a_child_are_programmer_errors) {
    pirn::run([] {
        EXPECT_TRUE(support::complains([] { io::process{words{}}; }, "without a command"));
        EXPECT_TRUE(support::complains([] { io::process{}.wait(); }, "no process to wait for"));
    });
}

} // namespace
