// SPDX-License-Identifier: MIT
//
// JSON, re-indented as it arrives: standard input is read in pieces and fed to a parser that is written
// as if it had the whole document before it. The parser is a coroutine: each piece is injected by a
// resume, and the suspension is wherever the piece before has ended. What it throws comes out here.
#include <pirn/base/live.hpp>
#include <pirn/coro/coroutine.hpp>

#include "command_line.hpp"
#include "json_parser.hpp"

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace {

// read_some: what there is, at most a piece; nothing at the end.
std::string_view read_some(std::vector<char>& buffer) {
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0) throw std::system_error{errno, std::generic_category(), "standard input"};
    return {buffer.data(), static_cast<std::size_t>(size)};
}

void write_all(std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    text.clear();
}

void reindent(std::size_t chunk) {
    std::vector<char> buffer(chunk);
    std::string out;
    // A level of the document takes two frames of the parser's stack, here of up to a KiB together.
    pirn::coroutine<void, std::string_view> parser{
        {.name = "parser",
         .stack_size = (example::json_parser::max_depth + 64) * std::size_t{1024}},
        [&out](auto& self) { example::json_parser{self, out}.document(); }};
    try {
        // It runs to where it wants its first byte; from then on, as long as it wants more.
        for (bool wants_more = parser.resume(); wants_more;) {
            wants_more = parser.resume(read_some(buffer));
            write_all(out);
        }
    } catch (const std::runtime_error&) {
        out += '\n';
        write_all(out); // how far it came
        throw;
    }
}

} // namespace

int main(int argc, char** argv) {
    example::command_line line{argc, argv, "[--chunk BYTES]",
                               "Reads JSON from stdin in chunks, and writes it indented."};
    const auto chunk = line.number<std::size_t>("--chunk", 4096, 1, std::size_t{1} << 20);
    line.done();

    int code = 0;
    try {
        reindent(chunk);
    } catch (const std::runtime_error& error) {
        std::fprintf(stderr, "json: %s\n", error.what());
        code = 1;
    }
    std::puts(pirn::to_string(pirn::live()).c_str());
    return code;
}
