// SPDX-License-Identifier: MIT
//
// What is in a folder, and in the folders below it if wanted, as a range.
//
//   for (const auto& entry : pirn::io::directory{"photos", {.recursive = true}})
//       if (entry.kind == pirn::io::file_kind::regular) use(entry.path);
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/file_system.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <system_error>

namespace pirn::io {

struct directory_options {
    // Whether folders are walked too, each after its own entry. Links are never followed: they may lead back.
    bool recursive = false;

    // Called for what cannot be read, which is then left out. Without it, the error is thrown, and the walk
    // is over.
    std::function<void(const std::filesystem::path&, const std::error_code&)> on_error = nullptr;
};

struct entry {
    std::filesystem::path path; // beginning with that of the walk
    file_kind kind = file_kind::unknown;
    std::uint64_t inode = 0;
    std::size_t depth = 0; // 0 in the folder itself
};

// directory: a walk, in the order of the file system, without "." and "..". A range that is gone through once. Holds
// one descriptor, and one more for each folder that it is in. What comes and goes meanwhile may or may not be seen.
// Belongs to the runtime that it was made on. Move-only.
class PIRN_EXPORT directory {
  public:
    class iterator;

    // Opens nothing yet. Never suspends.
    explicit directory(std::filesystem::path path, directory_options options = {});
    directory(directory&& other) noexcept;
    directory& operator=(directory&& other) noexcept;
    ~directory();

    // next: the next entry, null at the end; valid until the next call. Throws std::system_error, with the path.
    // Suspends.
    const entry* next();

    // skip: what is in the folder that next has given is not walked. Never suspends.
    void skip() noexcept;

    // begin: calls next; so does ++. Suspends.
    iterator begin();
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    struct state;
    std::unique_ptr<state> state_;
};

class directory::iterator {
  public:
    using value_type = entry;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    explicit iterator(directory& of) : walk_{&of}, at_{of.next()} {}

    const entry& operator*() const noexcept { return *at_; }
    const entry* operator->() const noexcept { return at_; }
    iterator& operator++() {
        at_ = walk_->next();
        return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t /*end*/) const noexcept { return at_ == nullptr; }

  private:
    directory* walk_ = nullptr;
    const entry* at_ = nullptr;
};

inline directory::iterator directory::begin() { return iterator{*this}; }

} // namespace pirn::io
