// SPDX-License-Identifier: MIT
//
// Children. Each has a pidfd from its start to its end: it is what is polled, signalled and reaped, so that nothing
// can hit a process that got the number later.
//
//   start ──► running ──┬── wait: the pidfd is readable ──► reaped
//                       └── destroyed: SIGKILL, the same ──► reaped
#include <pirn/io/process.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/work.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/scope/timeout.hpp>

#include "base/c_string.hpp"
#include "os/process.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pirn::io {
namespace {

// spawn_operation: on the pool, because loading a program takes a while.
struct spawn_operation : work_operation {
    spawn_operation(const os::spawn_request& what, completion done) noexcept
        : work_operation{&perform, done}, request{what} {}
    static int perform(work_operation& what) noexcept {
        auto& self = static_cast<spawn_operation&>(what);
        try {
            self.child = os::spawn(self.request);
        } catch (const std::bad_alloc&) {
            self.child.error = -ENOMEM;
        }
        return self.child.error;
    }
    const os::spawn_request& request;
    os::spawned child;
};

// name_in: what stands before the first '=' of an entry; all of it where there is none.
std::string_view name_in(const std::string& entry) noexcept {
    return std::string_view{entry}.substr(0, entry.find('='));
}

std::vector<std::string> environment_of(const process_options& options) {
    std::vector<std::string> made;
    if (options.environment) {
        made = *options.environment;
    } else {
        for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
            made.emplace_back(*each);
        }
    }
    // Of several changes of one name the last one counts.
    std::unordered_map<std::string_view, const std::string*> changed;
    for (const std::string& change : options.environment_changes) {
        changed[name_in(change)] = &change;
    }
    std::erase_if(made, [&](const std::string& each) {
        return each.find('=') != std::string::npos && changed.contains(name_in(each));
    });
    for (const std::string& change : options.environment_changes) {
        const std::string_view name = name_in(change);
        if (changed[name] == &change && change.size() > name.size()) {
            made.push_back(change);
        }
    }
    return made;
}

// all_c_strings: whether the program would get all of each.
bool all_c_strings(const std::vector<std::string>& words) noexcept {
    return std::ranges::all_of(
        words, [](const std::string& word) { return pirn::detail::is_c_string(word); });
}

// The form in which the kernel takes a list of words. The strings stay where they are.
std::vector<char*> pointers_to(const std::vector<std::string>& words) {
    std::vector<char*> made;
    made.reserve(words.size() + 1);
    for (const std::string& word : words) {
        made.push_back(const_cast<char*>(word.c_str())); // nobody writes to it
    }
    made.push_back(nullptr);
    return made;
}

// opens_anew: whether the same thing can be had once more under another description: a pipe, or a terminal but for its
// controlling side, of which opening makes a new one.
bool opens_anew(int descriptor, const struct stat& known) noexcept {
    unsigned number = 0;
    return S_ISFIFO(known.st_mode) ||
           (::isatty(descriptor) == 1 && ::ioctl(descriptor, TIOCGPTN, &number) != 0);
}

// make_waiting: a child knows nothing of O_NONBLOCK, which epoll wants for ours. The flag belongs to the description
// that both would share: what can be opened anew is, and otherwise a connection loses the flag, whose reads and writes
// here do not depend on it. A listener keeps it.
void make_waiting(os::handle& given) noexcept {
    const int flags = ::fcntl(given.get(), F_GETFL);
    struct stat known{};
    if (flags < 0 || (flags & O_NONBLOCK) == 0 || ::fstat(given.get(), &known) != 0) {
        return;
    }
    if (S_ISSOCK(known.st_mode)) {
        if (os::option(given.get(), SOL_SOCKET, SO_ACCEPTCONN) == 0) {
            ::fcntl(given.get(), F_SETFL, flags & ~O_NONBLOCK);
        }
    } else if (opens_anew(given.get(), known)) {
        const std::string name = "/proc/self/fd/" + std::to_string(given.get());
        // Without waiting for the other end; afterwards as the flags say.
        const os::handle opened{
            ::open(name.c_str(), (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
        os::handle above{opened ? ::fcntl(opened.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1};
        if (above && ::fcntl(above.get(), F_SETFL, flags & ~O_NONBLOCK) == 0) {
            given = std::move(above);
        }
    }
}

// one_stream: what becomes of one of the three, and our end of it.
struct one_stream {
    // Fills in the descriptor of the request; 0 or a negative errno.
    int prepare(const standard_stream& choice, bool child_reads, int& request);
    // After the start. Throws when it cannot be made a stream.
    descriptor_stream take() {
        return ours ? descriptor_stream{std::move(ours)} : descriptor_stream{};
    }

    os::handle ours;
    os::handle childs; // closed in our process once the child has it
};

int one_stream::prepare(const standard_stream& choice, bool child_reads, int& request) {
    using kind = standard_stream::kind;
    int source = choice.number;
    switch (choice.is) {
    case kind::inherited: request = os::spawn_request::inherited; return 0;
    case kind::nothing: request = os::spawn_request::nothing; return 0;
    case kind::as_output: request = os::spawn_request::as_output; return 0;
    case kind::descriptor: break;
    case kind::piped: {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            return -errno;
        }
        os::handle reading{ends[0]};
        os::handle writing{ends[1]};
        ours = std::move(child_reads ? writing : reading);
        childs = std::move(child_reads ? reading : writing);
        source = childs.get();
        break;
    }
    }
    // Above 2, so that none of the three is overwritten before it is used.
    os::handle above{::fcntl(source, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
    if (!above) {
        return -errno;
    }
    if (choice.is == kind::descriptor) {
        make_waiting(above);
    }
    childs = std::move(above);
    request = childs.get();
    return 0;
}

exit_state state_of(const os::child_end& end) noexcept {
    if (end.code == CLD_EXITED) {
        return {.status = end.status};
    }
    return {.signal = end.status, .dumped_core = end.code == CLD_DUMPED};
}

std::string culprit_of(os::spawn_step step, const process_options& options) {
    switch (step) {
    case os::spawn_step::descriptors: return ": standard streams";
    case os::spawn_step::directory:
        return ": working directory " + options.working_directory.string();
    case os::spawn_step::interpreter: return ": its interpreter";
    default: return "";
    }
}

} // namespace

process::process(const std::vector<std::string>& command, const process_options& options,
                 std::error_code& error) {
    start(command, options, error);
}

process::process(const std::vector<std::string>& command, const process_options& options) {
    std::error_code error;
    const std::string culprit = start(command, options, error);
    if (error) {
        const std::string program = "start " + pirn::detail::printable(command.front());
        detail::check(error, (program + culprit).c_str());
    }
}

// start: with an error, what is to blame besides the program.
std::string process::start(const std::vector<std::string>& command, const process_options& options,
                           std::error_code& error) {
    PIRN_REQUIRE(!command.empty(), "a process was started without a command");
    const auto environment = environment_of(options);
    if (!all_c_strings(command) || !all_c_strings(environment) ||
        !all_c_strings(options.environment_changes) ||
        !pirn::detail::is_c_string(options.working_directory.native())) {
        error = std::make_error_code(std::errc::invalid_argument);
        return ": a zero byte in a string";
    }
    std::array<one_stream, 3> streams;
    os::spawn_request request;
    const std::array choices{&options.input, &options.output, &options.errors};
    for (std::size_t i = 0; i < streams.size(); ++i) {
        if (const int result = streams[i].prepare(*choices[i], i == 0, request.descriptors[i]);
            result < 0) {
            error = error_of(detail::refuse(result));
            return ": standard streams";
        }
    }
    const auto arguments_list = pointers_to(command);
    const auto environment_list = pointers_to(environment);
    request.program = command.front().c_str();
    request.arguments = arguments_list.data();
    request.environment = environment_list.data();
    request.own_group = options.own_group;
    if (!options.working_directory.empty()) {
        request.directory = options.working_directory.c_str();
    }
    awaitable<spawn_operation> spawn{request};
    if (const int result = await(spawn); result < 0) {
        error = error_of(result);
        return culprit_of(spawn.child.step, options);
    }
    id_ = spawn.child.process;
    pidfd_ = os::handle{spawn.child.pidfd};
    own_group_ = options.own_group;
    input_ = streams[0].take();
    output_ = streams[1].take();
    errors_ = streams[2].take();
    error.clear();
    return {};
}

process::process(process&& other) noexcept
    : id_{std::exchange(other.id_, 0)}, pidfd_{std::move(other.pidfd_)}, ended_{other.ended_},
      lost_{other.lost_}, own_group_{other.own_group_}, input_{std::move(other.input_)},
      output_{std::move(other.output_)}, errors_{std::move(other.errors_)} {
    PIRN_REQUIRE(!other.waited_for_, "a process was moved while somebody waits for it");
}

process& process::operator=(process&& other) noexcept {
    if (this != &other) {
        PIRN_REQUIRE(!other.waited_for_, "a process was moved while somebody waits for it");
        kill_and_reap();
        id_ = std::exchange(other.id_, 0);
        pidfd_ = std::move(other.pidfd_);
        ended_ = other.ended_;
        lost_ = other.lost_;
        own_group_ = other.own_group_;
        input_ = std::move(other.input_);
        output_ = std::move(other.output_);
        errors_ = std::move(other.errors_);
    }
    return *this;
}

process::~process() {
    PIRN_REQUIRE(!waited_for_, "a process was destroyed while somebody waits for it");
    kill_and_reap();
}

// reap: 1 when that was its end, 0 while it runs, or a negative errno.
int process::reap() {
    os::child_end end;
    const int result = os::reap_by_pidfd(pidfd_.get(), id_, end);
    if (result != 0) {
        ended_ = result > 0 ? state_of(end) : exit_state{};
        lost_ = result < 0;
        pidfd_.close();
    }
    return result;
}

exit_state process::wait(std::error_code& error) {
    PIRN_REQUIRE(id_ != 0, "there is no process to wait for");
    PIRN_REQUIRE(!waited_for_, "two tasks wait for the same process; let one of them do it");
    error.clear();
    while (running()) {
        awaitable<poll_operation> has_ended{pidfd_.get(), short{POLLIN}};
        waited_for_ = true;
        const int result = await(has_ended);
        waited_for_ = false;
        if (result < 0) {
            error = error_of(result);
            return {};
        }
        if (const int reaped = reap(); reaped < 0) {
            error = error_of(reaped);
            return {};
        }
    }
    if (lost_) {
        error = std::make_error_code(std::errc::no_child_process);
    }
    return ended_;
}

exit_state process::wait() {
    std::error_code error;
    const exit_state end = wait(error);
    detail::check(error, "wait");
    return end;
}

std::optional<exit_state> process::try_wait() {
    PIRN_REQUIRE(id_ != 0, "there is no process to wait for");
    if (running() && !waited_for_) {
        reap();
    }
    if (!running() && lost_) {
        throw_error(std::make_error_code(std::errc::no_child_process), "try_wait");
    }
    return running() ? std::optional<exit_state>{} : ended_;
}

int process::send(int number) const noexcept {
    return own_group_ ? os::send_signal_to_group(pidfd_.get(), id_, number)
                      : os::send_signal(pidfd_.get(), id_, number);
}

void process::signal(int number) {
    if (!running()) {
        return;
    }
    if (const int result = send(number); result < 0 && result != -ESRCH) {
        throw_error(error_of(result), "signal");
    }
}

exit_state process::terminate(duration grace) {
    signal(SIGTERM);
    if (const auto end = try_with_timeout(grace, [&] { return wait(); })) {
        return *end;
    }
    signal(SIGKILL);
    return wait();
}

void process::kill_and_reap() noexcept {
    if (!running()) {
        return;
    }
    send(SIGKILL);
    while (running()) {
        awaitable<poll_operation> has_ended{pidfd_.get(), short{POLLIN}};
        // Without a loop it has outlived its runtime.
        if (current_loop_or_null() == nullptr || await_shielded(has_ended) < 0) {
            pollfd until_it_ends{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
            ::poll(&until_it_ends, 1, -1);
        }
        reap();
    }
}

} // namespace pirn::io
