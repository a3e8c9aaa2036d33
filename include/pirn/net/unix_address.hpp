// SPDX-License-Identifier: MIT
//
// The name of a unix socket: a path in the file system, an abstract name of Linux, or none. Parsed from and
// printed as text. What can be done with it is in unix.hpp.
#pragma once

#include <pirn/base/export.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

struct sockaddr;

namespace pirn::net {

// unix_address: a value. Default-constructed it is unnamed, as one end of a pair is.
class PIRN_EXPORT unix_address {
  public:
    // longest: bytes that a name may have.
    static constexpr std::size_t longest = 107;

    unix_address() noexcept;

    // parse: "/run/pirn.sock" is a path, "@pirn" an abstract name, "" is unnamed. In an abstract name \xHH is a
    // byte, and \\ a backslash. std::errc::filename_too_long for more than `longest` bytes,
    // std::errc::invalid_argument for a zero in a path or half an escape. Never suspends.
    static unix_address parse(std::string_view text);
    static unix_address parse(std::string_view text, std::error_code& error) noexcept;

    // path, abstract: from the name itself, in which nothing is special; a relative path is one too. Errors as
    // parse's; a path is not empty. Never suspend.
    static unix_address path(std::string_view name);
    static unix_address abstract(std::string_view name);

    // from: copies what the kernel gave; an address of another family becomes unnamed. Never suspends.
    static unix_address from(const sockaddr* raw, std::size_t size) noexcept;

    // An abstract name may be empty, which is a name too.
    bool is_unnamed() const noexcept { return length_ == 0 && !abstract_; }
    bool is_abstract() const noexcept { return abstract_; }
    bool is_path() const noexcept { return length_ != 0 && !abstract_; }

    // name: the path, or the abstract name without what marks it. Valid as long as this. Never suspends.
    std::string_view name() const noexcept;

    // For system calls. Never suspend.
    const sockaddr* raw() const noexcept;
    unsigned raw_size() const noexcept; // bytes

    bool operator==(const unix_address& other) const noexcept;

  private:
    static unix_address named(std::string_view name, bool abstract,
                              std::error_code& error) noexcept;
    std::byte* place() noexcept; // of the name

    // A sockaddr_un, without its header in everybody's way.
    alignas(8) std::array<std::byte, 112> storage_{};
    unsigned char length_ = 0; // bytes of the name
    bool abstract_ = false;
};

// to_string: as parse takes it; an abstract name is printable whatever is in it. A path that begins with @ gets
// a ./ in front, which names the same. Never suspends.
PIRN_EXPORT std::string to_string(const unix_address& where);

} // namespace pirn::net
