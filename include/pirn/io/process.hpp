// SPDX-License-Identifier: MIT
//
// Other programs: run without a shell, talked to through pipes, waited for, and never left behind.
//
//   using namespace pirn::io;
//   process sort{{"sort", "-n"}, {.input = standard::pipe, .output = standard::pipe}};
//   sort.input().write_all("3\n1\n2\n");
//   sort.input().close();
//   copy(sort.output(), out);
//   if (!sort.wait().success()) …
//
// Or all at once: run_process. SIGCHLD is left as it is, and no other child is ever waited for. In a program that
// ignores SIGCHLD, or calls wait for children that it does not know, a child starts, runs and is signalled as ever, but
// how it has ended is lost: each wait is std::errc::no_child_process then.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/os/handle.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>

namespace pirn::io {

// standard_stream: what the child has as one of its standard streams.
struct standard_stream {
    enum class kind : std::uint8_t { inherited, nothing, piped, as_output, descriptor };
    kind is = kind::inherited;
    // Of a descriptor, which stays the caller's. The child waits when it reads and writes it: without O_NONBLOCK, which
    // streams have on epoll. A socket loses the flag for both sides, which our streams do not mind.
    int number = -1;
};

namespace standard {
inline constexpr standard_stream inherit{};                                   // the same as ours
inline constexpr standard_stream nothing{standard_stream::kind::nothing};     // /dev/null
inline constexpr standard_stream pipe{standard_stream::kind::piped};          // to us
inline constexpr standard_stream as_output{standard_stream::kind::as_output}; // for errors
constexpr standard_stream descriptor(int number) {
    return {standard_stream::kind::descriptor, number};
}
} // namespace standard

struct process_options {
    standard_stream input = standard::inherit;
    standard_stream output = standard::inherit;
    standard_stream errors = standard::inherit;

    // All of its environment, each as NAME=value; ours without it.
    std::optional<std::vector<std::string>> environment = std::nullopt;
    // Changes to that: NAME=value sets, NAME alone takes away.
    std::vector<std::string> environment_changes = {};

    // Where it begins; where we are, if empty. A program that is named by a relative path is looked for there.
    std::filesystem::path working_directory = {};

    // Whether it gets a process group of its own; then signals go to all of the group.
    bool own_group = false;

    // For run_process: whether it is over when the program has ended, although other processes, children of the
    // program mostly, still hold its output open; what they write later is lost. Otherwise it reads to the end.
    bool until_exit = false;
};

// exit_state: how a process has ended.
struct exit_state {
    int status = 0; // what it returned; 0 when a signal ended it
    int signal = 0; // the signal that ended it, or 0
    bool dumped_core = false;

    bool success() const noexcept { return status == 0 && signal == 0; }
    // shell_status: as a shell tells it: the status, or 128 and the signal.
    int shell_status() const noexcept { return signal == 0 ? status : 128 + signal; }
};

// process: a child. Belongs to the runtime that it was started on. Move-only; not to be moved while somebody waits.
class PIRN_EXPORT process {
  public:
    // No process.
    process() noexcept = default;
    // Starts the first word, looked for in PATH if there is no slash in it, with the others. Throws std::system_error
    // when it cannot be run; what() names the working directory, or whatever else is to blame besides the program. A
    // zero byte in a string is std::errc::invalid_argument. It has no descriptors but 0, 1 and 2. Suspends.
    explicit process(const std::vector<std::string>& command, const process_options& options = {});
    process(const std::vector<std::string>& command, const process_options& options,
            std::error_code& error);
    process(process&& other) noexcept;
    process& operator=(process&& other) noexcept;
    // Kills it, if it has not been waited for, and reaps it: none is left, not even as a zombie. Suspends.
    ~process();

    // input, output, errors: our ends of its pipes; not open where there is none. Never suspend.
    descriptor_stream& input() noexcept { return input_; }
    descriptor_stream& output() noexcept { return output_; }
    descriptor_stream& errors() noexcept { return errors_; }

    // wait: until it has ended; std::errc::no_child_process if other code of the program has reaped it. May be called again. One task at a time; cancelled, the process is as it was. It does
    // not read the pipes: who gives a process pipes reads them. Suspends.
    exit_state wait();
    exit_state wait(std::error_code& error);

    // try_wait: how it has ended, if it has; throws as wait does. Never suspends.
    [[nodiscard("the value is lost when the answer is dropped")]] std::optional<exit_state>
    try_wait();

    // signal: sends one, to this process and no later owner of its number; nothing if it has ended. Never suspends.
    void signal(int number);

    // terminate: asks it to leave, by SIGTERM, and kills it if it has not done so in time. Suspends.
    exit_state terminate(duration grace = std::chrono::seconds{5});

    // id: the process id, 0 for none. Never suspends.
    pid_t id() const noexcept { return id_; }
    // running: whether there is one that has not been waited for. Never suspends.
    bool running() const noexcept { return static_cast<bool>(pidfd_); }

  private:
    std::string start(const std::vector<std::string>& command, const process_options& options,
                      std::error_code& error);
    int send(int number) const noexcept;
    int reap();
    void kill_and_reap() noexcept;

    pid_t id_ = 0;
    os::handle pidfd_; // until it is reaped
    exit_state ended_;
    bool lost_ = false; // other code has reaped it
    bool own_group_ = false;
    bool waited_for_ = false; // somebody is in wait
    descriptor_stream input_;
    descriptor_stream output_;
    descriptor_stream errors_;
};

// process_result: what a program has said, and how it has ended.
struct process_result {
    exit_state end;
    std::string output;
    std::string errors;
};

// run_process: starts a program, writes `input` to it, reads its output and errors to the end, which is when all
// processes that hold them have ended (process_options::until_exit: when the program has), and waits. Its three streams in the
// options do not count. More than `most` bytes of output, or of errors, are std::errc::file_too_large. When it throws,
// or is cancelled, the program is killed. Suspends.
PIRN_EXPORT process_result run_process(const std::vector<std::string>& command, bytes input = {},
                                       process_options options = {},
                                       std::size_t most = std::size_t{64} << 20);

} // namespace pirn::io
