// SPDX-License-Identifier: MIT
//
// Where a socket is bound or connected: an IPv4 or IPv6 address with a port, parsed from and printed as
// text. Numeric only; names are the resolver's business, which does not exist yet.
#pragma once

#include <pirn/base/export.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

struct sockaddr;

namespace pirn::net {

// address: a value. Default-constructed it is 0.0.0.0:0.
class PIRN_EXPORT address {
  public:
    address() noexcept;

    // "127.0.0.1:8080", "[::1]:8080", "[fe80::1%eth0]:80"; ":8080" means 0.0.0.0:8080. What cannot be
    // understood is std::errc::invalid_argument. Never suspends.
    static address parse(std::string_view text);
    static address parse(std::string_view text, std::error_code& error) noexcept;

    // loopback: 127.0.0.1 with a port; 0 lets the kernel choose. Never suspends.
    static address loopback(std::uint16_t port) noexcept;

    // from: copies what the kernel gave; an address of another family becomes 0.0.0.0:0.
    // Never suspends.
    static address from(const sockaddr* raw, std::size_t size) noexcept;

    bool is_v6() const noexcept;
    std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;

    // For system calls. Never suspends.
    const sockaddr* raw() const noexcept;
    unsigned raw_size() const noexcept { return size_; } // bytes

    bool operator==(const address& other) const noexcept;

  private:
    // A sockaddr_in or sockaddr_in6, without their headers in everybody's way.
    alignas(8) std::array<std::byte, 28> storage_{};
    unsigned size_;
};

// to_string: as parse takes it. Never suspends.
PIRN_EXPORT std::string to_string(const address& where);

} // namespace pirn::net
