// SPDX-License-Identifier: MIT
//
// Where a socket is bound or connected: an IPv4 or IPv6 address with a port, parsed from and printed as
// text. Numeric only; names are the business of resolver.hpp. Sockets with a path: unix_address.hpp.
#pragma once

#include <pirn/base/export.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

struct sockaddr;

namespace pirn::net {

// address: a value. Default-constructed it is 0.0.0.0:0.
class PIRN_EXPORT address {
  public:
    address() noexcept;

    // parse: "127.0.0.1:8080", "[::1]:8080", "[fe80::1%eth0]:80"; ":8080" means 0.0.0.0:8080. What cannot be
    // understood is std::errc::invalid_argument; the message of the throwing form says which part. Never suspends.
    static address parse(std::string_view text);
    static address parse(std::string_view text, std::error_code& error) noexcept;

    // parse_host: a host without a port or brackets, "127.0.0.1" or "fe80::1%eth0", and a port beside it.
    // std::errc::invalid_argument for anything else, names too. Never suspends.
    static address parse_host(std::string_view host, std::uint16_t port,
                              std::error_code& error) noexcept;

    // loopback: 127.0.0.1, or ::1, with a port; 0 lets the kernel choose. Never suspends.
    static address loopback(std::uint16_t port) noexcept;
    static address loopback_v6(std::uint16_t port) noexcept;

    // any: every address of the machine: 0.0.0.0, or ::, with a port. Never suspends.
    static address any(std::uint16_t port) noexcept;
    static address any_v6(std::uint16_t port) noexcept;

    // from: copies what the kernel gave; an address of another family becomes 0.0.0.0:0.
    // Never suspends.
    static address from(const sockaddr* raw, std::size_t size) noexcept;

    bool is_v6() const noexcept;
    std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;

    // host: without port and brackets, as parse_host takes it. Throws std::bad_alloc. Never suspends.
    std::string host() const;

    // scope_id: the number of the interface that a link-local IPv6 address belongs to, 0 for none.
    // Never suspends.
    std::uint32_t scope_id() const noexcept;

    bool is_loopback() const noexcept;
    bool is_multicast() const noexcept;

    // For system calls. Never suspends.
    const sockaddr* raw() const noexcept;
    unsigned raw_size() const noexcept { return size_; } // bytes

    // By family, host, scope and port, in this order; IPv4 comes first. Never suspends.
    bool operator==(const address& other) const noexcept { return (*this <=> other) == 0; }
    std::strong_ordering operator<=>(const address& other) const noexcept;

    // hash: equal addresses have the same. Never suspends.
    std::size_t hash() const noexcept;

  private:
    // A sockaddr_in or sockaddr_in6, without their headers in everybody's way.
    alignas(8) std::array<std::byte, 28> storage_{};
    unsigned size_;
};

// to_string: as parse takes it. Never suspends.
PIRN_EXPORT std::string to_string(const address& where);

} // namespace pirn::net

template <>
struct std::hash<pirn::net::address> {
    std::size_t operator()(const pirn::net::address& of) const noexcept { return of.hash(); }
};
