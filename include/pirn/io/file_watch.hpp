// SPDX-License-Identifier: MIT
//
// What changes in the file system, as a range: files and folders are watched, and events come in the order in which
// they happened. By inotify(7), whose limits hold: equal events that follow each other are one until somebody looks,
// folders below a watched one are not watched with it, changes by other machines are not seen, and
// /proc/sys/fs/inotify says how much there may be.
//
//   pirn::io::file_watch watch;
//   watch.add("settings", pirn::io::change::written);
//   for (const auto& event : watch) reload(event.path);
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/descriptor_stream.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace pirn::io {

// change: what may happen; several are joined by |.
enum class change : std::uint32_t {
    none = 0,
    created = 0x001,      // in a watched folder
    removed = 0x002,      // from a watched folder
    modified = 0x004,     // some bytes, or the length
    written = 0x008,      // closed by somebody who had it open for writing
    attributes = 0x010,   // permissions, times, links
    moved_away = 0x020,   // from a watched folder; the cookie is that of `moved_here`
    moved_here = 0x040,   // to a watched folder
    self_removed = 0x080, // what is watched; then it is watched no more
    self_moved = 0x100,   // what is watched
    everything = 0x1ff,
    lost = 0x200,  // comes unasked: events were too many, and some are missing; path is empty
    ended = 0x400, // comes unasked: it is watched no more
};

constexpr change operator|(change one, change other) noexcept {
    return static_cast<change>(static_cast<std::uint32_t>(one) | static_cast<std::uint32_t>(other));
}
constexpr change operator&(change one, change other) noexcept {
    return static_cast<change>(static_cast<std::uint32_t>(one) & static_cast<std::uint32_t>(other));
}
constexpr bool has(change all, change some) noexcept { return (all & some) != change::none; }

struct file_event {
    change what = change::none;
    std::filesystem::path path; // what was given to add, and the name in it
    bool is_folder = false;
    std::uint32_t cookie = 0; // the same for the two halves of a move
};

// file_watch: belongs to the runtime that it was made on. Move-only.
class PIRN_EXPORT file_watch {
  public:
    class iterator;

    // Throws std::system_error when there are too many. Never suspends.
    file_watch();
    file_watch(file_watch&&) noexcept = default;
    file_watch& operator=(file_watch&&) noexcept = default;
    ~file_watch() = default;

    // add: watches a file or folder for these changes, also if it is watched already. Never suspends.
    void add(const std::filesystem::path& path, change what = change::everything);
    void add(const std::filesystem::path& path, change what, std::error_code& error);
    // remove: watches it no more; `ended` tells when nothing more comes. Nothing if it is not watched. Never suspends.
    void remove(const std::filesystem::path& path);

    // next: the next event. One task at a time; cancelled, it has taken none. Suspends.
    file_event next();
    file_event next(std::error_code& error);

    // begin: waits for the first; so does ++ for the next. There is no last. Suspends.
    iterator begin();
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    struct storage {
        alignas(8) std::array<std::byte, 4096> bytes;
    };
    file_event take();

    descriptor_stream events_;
    std::map<int, std::filesystem::path> watched_; // by the kernel's number
    std::map<std::string, int> numbers_;           // by path
    std::unique_ptr<storage> buffer_;
    std::size_t begin_ = 0; // events that have been read, and not been given
    std::size_t end_ = 0;
};

class file_watch::iterator {
  public:
    using value_type = file_event;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    explicit iterator(file_watch& from) : watch_{&from}, event_{from.next()} {}

    const file_event& operator*() const noexcept { return event_; }
    const file_event* operator->() const noexcept { return &event_; }
    iterator& operator++() {
        event_ = watch_->next();
        return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t /*never*/) const noexcept { return false; }

  private:
    file_watch* watch_ = nullptr;
    file_event event_;
};

inline file_watch::iterator file_watch::begin() { return iterator{*this}; }

} // namespace pirn::io
