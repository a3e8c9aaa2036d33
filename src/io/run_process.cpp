// SPDX-License-Identifier: MIT
//
// A program that is run to its end: what it reads, what it writes, and how it ends.
#include <pirn/io/process.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/ioctl.h>

namespace pirn::io {
namespace {

// read_into: so many bytes, or to the end. More than `most` altogether are an error.
void read_into(descriptor_stream& from, std::string& into, std::size_t wanted, std::size_t most) {
    std::array<char, std::size_t{16} * 1024> buffer;
    while (wanted > 0) {
        const std::size_t count =
            from.read(std::span{buffer}.first(std::min(buffer.size(), wanted)));
        if (count == 0) {
            return;
        }
        if (count > most - into.size()) {
            throw_error(std::make_error_code(std::errc::file_too_large), "run_process");
        }
        into.append(buffer.data(), count);
        wanted -= count;
    }
}

// read_what_is_there: what was written before the end of the program is in the pipe by now.
void read_what_is_there(descriptor_stream& from, std::string& into, std::size_t most) {
    int there = 0;
    if (::ioctl(from.native_handle(), FIONREAD, &there) == 0 && there > 0) {
        read_into(from, into, static_cast<std::size_t>(there), most);
    }
}

} // namespace

process_result run_process(const std::vector<std::string>& command, bytes input,
                           process_options options, std::size_t most) {
    options.input = input.empty() ? standard::nothing : standard::pipe;
    options.output = options.errors = standard::pipe;
    process child{command, options};
    process_result result;
    task_group group;
    const std::source_location where = pirn::detail::place_of_current_task();
    const spawn_options task_options{.name = "run_process", .worker = this_worker, .where = where};
    if (!input.empty()) {
        group.spawn(task_options, [&] {
            std::error_code unread; // a program need not read its input
            child.input().write_all(input, unread);
            child.input().close();
        });
    }
    for (const auto& [from, into] :
         {std::pair{&child.output(), &result.output}, std::pair{&child.errors(), &result.errors}}) {
        group.spawn(task_options, [from, into, most] { read_into(*from, *into, SIZE_MAX, most); });
    }
    task_group ends; // before the other group does, whose tasks it stops
    if (options.until_exit) {
        ends.spawn(task_options, [&] {
            child.wait();
            group.cancel();
        });
    }
    group.wait();
    ends.wait();
    result.end = child.wait();
    if (options.until_exit) {
        read_what_is_there(child.output(), result.output, most);
        read_what_is_there(child.errors(), result.errors, most);
    }
    return result;
}

} // namespace pirn::io
