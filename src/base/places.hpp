// SPDX-License-Identifier: MIT
//
// Places in messages: paths without the folders of the machine that compiled them, and who was running.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pirn::detail {

// header_in_project: "/usr/include/pirn/sync/mutex.hpp" is "pirn/sync/mutex.hpp". Other paths are left as they are: they
// are the user's. Never suspends.
inline std::string_view header_in_project(std::string_view path) noexcept {
    constexpr std::string_view folder = "include/pirn/";
    const std::size_t at = path.rfind(folder);
    const bool is_whole_name = at == 0 || (at != std::string_view::npos && path[at - 1] == '/');
    return is_whole_name ? path.substr(at + folder.size() - std::string_view{"pirn/"}.size())
                         : path;
}

// path_in_project: for a file that is known to be one of the project's: also "/home/me/pirn/src/net/serve.cpp" is
// "src/net/serve.cpp". Never suspends.
inline std::string_view path_in_project(std::string_view path) noexcept {
    const std::string_view header = header_in_project(path);
    if (header.size() != path.size()) {
        return header;
    }
    constexpr std::string_view folder = "src/";
    for (std::size_t at = path.rfind(folder); at != std::string_view::npos && at > 0;
         at = path.rfind(folder, at - 1)) {
        if (path[at - 1] == '/') {
            return path.substr(at);
        }
    }
    return path;
}

// describe_running: writes which coroutines the thread is running, and gives the number of characters. Set by the room
// that knows coroutines. Never allocates. Never suspends.
using describe_running = std::size_t (*)(std::span<char> into) noexcept;
void set_describe_running(describe_running function) noexcept;

} // namespace pirn::detail
