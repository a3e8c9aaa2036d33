// SPDX-License-Identifier: MIT
//
// inotify, read like any stream, and its events taken apart.
#include <pirn/io/file_watch.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>

#include "io/file_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/inotify.h>
#include <unistd.h>

namespace pirn::io {
namespace {

struct meaning {
    change what;
    std::uint32_t bit;
};

constexpr std::array meanings{
    meaning{change::created, IN_CREATE},       meaning{change::removed, IN_DELETE},
    meaning{change::modified, IN_MODIFY},      meaning{change::written, IN_CLOSE_WRITE},
    meaning{change::attributes, IN_ATTRIB},    meaning{change::moved_away, IN_MOVED_FROM},
    meaning{change::moved_here, IN_MOVED_TO},  meaning{change::self_removed, IN_DELETE_SELF},
    meaning{change::self_moved, IN_MOVE_SELF}, meaning{change::lost, IN_Q_OVERFLOW},
    meaning{change::ended, IN_IGNORED},
};

std::uint32_t mask_of(change what) noexcept {
    std::uint32_t mask = 0;
    for (const meaning& each : meanings) {
        mask |= has(what & change::everything, each.what) ? each.bit : 0;
    }
    return mask;
}

change changes_in(std::uint32_t mask) noexcept {
    change all = change::none;
    for (const meaning& each : meanings) {
        all = (mask & each.bit) != 0 ? all | each.what : all;
    }
    return all;
}

os::handle open_inotify() {
    os::handle made{::inotify_init1(IN_CLOEXEC)};
    if (!made) {
        throw_errno("file_watch");
    }
    return made;
}

} // namespace

file_watch::file_watch() : events_{open_inotify()}, buffer_{std::make_unique<storage>()} {}

void file_watch::add(const std::filesystem::path& path, change what, std::error_code& error) {
    if (!pirn::detail::is_c_string(path.native())) {
        error = std::make_error_code(std::errc::invalid_argument);
        return;
    }
    const int number = ::inotify_add_watch(events_.native_handle(), path.c_str(), mask_of(what));
    error = error_of(number < 0 ? -errno : 0);
    if (number >= 0) {
        // A second path of the same file takes the place of the first.
        if (const auto known = watched_.find(number); known != watched_.end()) {
            numbers_.erase(known->second.native());
        }
        watched_[number] = path;
        numbers_[path.native()] = number;
    }
}

void file_watch::add(const std::filesystem::path& path, change what) {
    std::error_code error;
    add(path, what, error);
    detail::check_path(error, "watch", path);
}

void file_watch::remove(const std::filesystem::path& path) {
    if (const auto found = numbers_.find(path.native()); found != numbers_.end()) {
        ::inotify_rm_watch(events_.native_handle(),
                           found->second); // `ended` comes, and takes it out
    }
}

file_event file_watch::take() {
    inotify_event head{};
    std::memcpy(&head, buffer_->bytes.data() + begin_, sizeof head);
    const auto* name = reinterpret_cast<const char*>(buffer_->bytes.data() + begin_ + sizeof head);
    begin_ += sizeof head + head.len;

    file_event event{.what = changes_in(head.mask),
                     .path = {},
                     .is_folder = (head.mask & IN_ISDIR) != 0,
                     .cookie = head.cookie};
    const auto found = watched_.find(head.wd);
    if (found != watched_.end()) {
        event.path = head.len > 0 ? found->second / name : found->second;
        if (has(event.what, change::ended)) {
            // Unless another file has taken the path's place meanwhile.
            if (const auto number = numbers_.find(found->second.native());
                number != numbers_.end() && number->second == found->first) {
                numbers_.erase(number);
            }
            watched_.erase(found);
        }
    }
    return event;
}

file_event file_watch::next(std::error_code& error) {
    error.clear();
    for (;;) {
        if (begin_ == end_) {
            const std::size_t count = events_.read(buffer_->bytes, error);
            if (error) {
                return {};
            }
            begin_ = 0;
            end_ = count;
        } else if (pirn::detail::stop_refuses()) {
            error = error_of(detail::refuse(-ECANCELED));
            return {};
        }
        file_event event = take();
        // Nothing that anybody asked for: a mounted file system that went, say.
        if (event.what != change::none) {
            return event;
        }
    }
}

file_event file_watch::next() {
    std::error_code error;
    file_event event = next(error);
    detail::check(error, "file_watch::next");
    return event;
}

} // namespace pirn::io
