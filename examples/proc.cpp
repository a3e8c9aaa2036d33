// SPDX-License-Identifier: MIT
//
// Runs a command and puts its name before each line that it says, on the stream on which it said it. The exit code is
// the command's, or 128 and the signal that ended it, as with a shell. SIGINT and SIGTERM are handed on: the command
// may leave by itself, and is killed after five seconds.
//
//   proc --prefix build make -j2
#include <pirn/pirn.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace io = pirn::io;

namespace {

// Lines may be as long as they like: what does not fit in the buffer is passed on in pieces.
void pass_on(io::byte_stream& from, io::byte_stream& to, const std::string& prefix) {
    io::reader in{from, std::size_t{64} * 1024};
    io::writer out{to};
    std::error_code error;
    for (bool begun = false;;) {
        const auto line = in.line(error);
        if (!line && !error) return;
        if (!begun) out.write(prefix);
        if (line) {
            out.write(*line);
            out.write("\n");
            begun = false;
        } else if (error == std::errc::message_size) {
            out.write(in.buffered());
            in.consume(in.buffered().size());
            begun = true;
        } else if (error == std::errc::operation_canceled) {
            throw pirn::cancelled{};
        } else {
            throw std::system_error{error, "read"};
        }
        if (in.buffered().empty()) out.flush(); // nothing more at the moment
    }
}

int run(const std::vector<std::string>& command, const std::string& prefix) {
    auto output = io::standard_output();
    auto errors = io::standard_error();
    io::signal_set wanted{SIGINT, SIGTERM}; // before there is anybody to pass them on to
    io::process child{
        command, {.output = io::standard::pipe, .errors = io::standard::pipe, .own_group = true}};
    pirn::task_group readers;
    readers.spawn([&] { pass_on(child.output(), output, prefix); });
    readers.spawn([&] { pass_on(child.errors(), errors, prefix); });
    pirn::task_group signals; // a signal that cannot be handed on ends the wait for the child
    return signals.run([&] {
        signals.spawn([&] {
            child.signal(wanted.wait());
            pirn::sleep_for(5s);
            child.signal(SIGKILL);
        });
        const io::exit_state end = child.wait();
        readers.wait(); // what it has said last
        signals.cancel();
        return end.shell_status();
    });
}

} // namespace

int main(int argc, char** argv) try {
    std::vector<std::string> command{argv + 1, argv + argc};
    std::string prefix;
    if (command.size() > 1 && command[0] == "--prefix") {
        prefix = command[1] + ": ";
        command.erase(command.begin(), command.begin() + 2);
    } else if (!command.empty()) {
        prefix = command[0].substr(command[0].rfind('/') + 1) + ": ";
    }
    if (command.empty() || command[0].starts_with("--")) {
        const bool asked = !command.empty() && command[0] == "--help";
        std::fprintf(asked ? stdout : stderr,
                     "usage: %s [--prefix TEXT] COMMAND [ARGUMENT...]\n\n"
                     "Runs a command, and puts a name before each line that it says.\n",
                     argv[0]);
        return asked ? 0 : 2;
    }
    int status = 0;
    pirn::run([&] { status = run(command, prefix); });
    std::fprintf(stderr, "%s\n", pirn::to_string(pirn::live()).c_str());
    return status;
} catch (const std::system_error& error) {
    std::fprintf(stderr, "proc: %s\n", error.what());
    return error.code() == std::errc::no_such_file_or_directory ? 127 : 126;
} catch (const std::exception& error) {
    std::fprintf(stderr, "proc: %s\n", error.what());
    return 126;
}
