// SPDX-License-Identifier: MIT
//
// Addresses to text and back. inet_pton and inet_ntop do the work; the brackets and the port are ours.
#include <pirn/net/address.hpp>

#include <pirn/base/error.hpp>

#include "base/c_string.hpp"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

namespace pirn::net {
namespace {

template <class Sockaddr>
Sockaddr read_as(const std::array<std::byte, 28>& storage) noexcept {
    static_assert(sizeof(Sockaddr) <= sizeof storage);
    Sockaddr value;
    std::memcpy(&value, storage.data(), sizeof value);
    return value;
}

sa_family_t family_of(const std::array<std::byte, 28>& storage) noexcept {
    sa_family_t family = 0;
    std::memcpy(&family, storage.data() + offsetof(sockaddr, sa_family), sizeof family);
    return family;
}

bool parse_port(std::string_view text, in_port_t& port) noexcept {
    std::uint16_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    port = htons(number);
    return failed == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// The scope of a link-local address: an interface's name or number.
bool parse_scope(const std::string& scope, std::uint32_t& number) noexcept {
    number = ::if_nametoindex(scope.c_str());
    if (number != 0) {
        return true;
    }
    const char* end = scope.data() + scope.size();
    const auto [at, failed] = std::from_chars(scope.data(), end, number);
    return failed == std::errc{} && at == end && !scope.empty();
}

// What is wrong with a host, or null.
const char* parse_v6(std::string_view host, sockaddr_in6& into) {
    into = {};
    into.sin6_family = AF_INET6;
    const std::size_t percent = host.find('%');
    if (percent != std::string_view::npos) {
        if (!parse_scope(std::string{host.substr(percent + 1)}, into.sin6_scope_id)) {
            return "what stands behind % is neither an interface of this machine nor a number";
        }
        host = host.substr(0, percent);
    }
    const bool good = ::inet_pton(AF_INET6, std::string{host}.c_str(), &into.sin6_addr) == 1;
    return good ? nullptr : "what stands in the brackets is no IPv6 address";
}

const char* parse_v4(std::string_view host, sockaddr_in& into) {
    into = {};
    into.sin_family = AF_INET;
    if (host.empty()) {
        into.sin_addr.s_addr = htonl(INADDR_ANY);
        return nullptr;
    }
    if (::inet_pton(AF_INET, std::string{host}.c_str(), &into.sin_addr) == 1) {
        return nullptr;
    }
    return host.find(':') != std::string_view::npos
               ? "an IPv6 address stands in brackets when a port follows"
               : "the host is no IPv4 address such as 127.0.0.1; names are for net::resolve";
}

template <class Sockaddr>
address from_sockaddr(const Sockaddr& raw) noexcept {
    return address::from(reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
}

address v4_of(in_addr_t host_order, std::uint16_t port) noexcept {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(host_order);
    v4.sin_port = htons(port);
    return from_sockaddr(v4);
}

address v6_of(const in6_addr& host, std::uint16_t port) noexcept {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = host;
    v6.sin6_port = htons(port);
    return from_sockaddr(v6);
}

// What is wrong with the text, or null; then `into` is what it means.
const char* read_text(std::string_view text, address& into) {
    // A zero would end it early for the functions of C.
    if (!pirn::detail::is_c_string(text)) {
        return "there is a zero byte in it";
    }
    const std::size_t colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    const std::size_t bracket = text.rfind(']');
    if (bracketed && bracket == std::string_view::npos) {
        return "the closing bracket is missing";
    }
    if (colon == std::string_view::npos || (bracketed && colon < bracket)) {
        return "the port is missing: a colon and a number";
    }
    if (bracketed && colon != bracket + 1) {
        return "a colon and the port are to follow the closing bracket";
    }
    in_port_t port = 0;
    if (!parse_port(text.substr(colon + 1), port)) {
        return "the port is no number from 0 to 65535";
    }
    if (bracketed) {
        sockaddr_in6 v6;
        if (const char* const wrong = parse_v6(text.substr(1, bracket - 1), v6)) {
            return wrong;
        }
        v6.sin6_port = port;
        into = from_sockaddr(v6);
        return nullptr;
    }
    sockaddr_in v4;
    if (const char* const wrong = parse_v4(text.substr(0, colon), v4)) {
        return wrong;
    }
    v4.sin_port = port;
    into = from_sockaddr(v4);
    return nullptr;
}

} // namespace

address::address() noexcept : size_{sizeof(sockaddr_in)} {
    const sa_family_t family = AF_INET;
    std::memcpy(storage_.data() + offsetof(sockaddr, sa_family), &family, sizeof family);
}

address address::parse(std::string_view text) {
    address parsed;
    if (const char* const wrong = read_text(text, parsed)) {
        throw_error(std::make_error_code(std::errc::invalid_argument),
                    ("\"" + pirn::detail::printable(text) +
                     "\" is not a numeric address with a port, such as " +
                     "127.0.0.1:80 or [::1]:80: " + wrong)
                        .c_str());
    }
    return parsed;
}

address address::parse(std::string_view text, std::error_code& error) noexcept {
    address parsed;
    const bool good = read_text(text, parsed) == nullptr;
    error = good ? std::error_code{} : std::make_error_code(std::errc::invalid_argument);
    return parsed;
}

address address::parse_host(std::string_view host, std::uint16_t port,
                            std::error_code& error) noexcept {
    error.clear();
    if (pirn::detail::is_c_string(host) && !host.empty()) {
        sockaddr_in v4;
        sockaddr_in6 v6;
        if (parse_v4(host, v4) == nullptr) {
            v4.sin_port = htons(port);
            return from_sockaddr(v4);
        }
        if (parse_v6(host, v6) == nullptr) {
            v6.sin6_port = htons(port);
            return from_sockaddr(v6);
        }
    }
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
}

address address::loopback(std::uint16_t port) noexcept { return v4_of(INADDR_LOOPBACK, port); }
address address::loopback_v6(std::uint16_t port) noexcept { return v6_of(in6addr_loopback, port); }
address address::any(std::uint16_t port) noexcept { return v4_of(INADDR_ANY, port); }
address address::any_v6(std::uint16_t port) noexcept { return v6_of(in6addr_any, port); }

address address::from(const sockaddr* raw, std::size_t size) noexcept {
    address copy;
    const bool v4 = raw->sa_family == AF_INET && size >= sizeof(sockaddr_in);
    const bool v6 = raw->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6);
    if (v4 || v6) {
        copy.size_ = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        std::memcpy(copy.storage_.data(), raw, copy.size_);
    }
    return copy;
}

bool address::is_v6() const noexcept { return family_of(storage_) == AF_INET6; }

std::uint16_t address::port() const noexcept {
    // In both families the port stands behind the family.
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    return ntohs(read_as<sockaddr_in>(storage_).sin_port);
}

void address::set_port(std::uint16_t port) noexcept {
    const in_port_t number = htons(port);
    std::memcpy(storage_.data() + offsetof(sockaddr_in, sin_port), &number, sizeof number);
}

const sockaddr* address::raw() const noexcept {
    return static_cast<const sockaddr*>(static_cast<const void*>(storage_.data())); // it is aligned
}

std::uint32_t address::scope_id() const noexcept {
    return is_v6() ? read_as<sockaddr_in6>(storage_).sin6_scope_id : 0;
}

bool address::is_loopback() const noexcept {
    if (is_v6()) {
        const in6_addr host = read_as<sockaddr_in6>(storage_).sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(&host);
    }
    return ntohl(read_as<sockaddr_in>(storage_).sin_addr.s_addr) >> 24 == 127;
}

bool address::is_multicast() const noexcept {
    if (is_v6()) {
        const in6_addr host = read_as<sockaddr_in6>(storage_).sin6_addr;
        return IN6_IS_ADDR_MULTICAST(&host);
    }
    return IN_MULTICAST(ntohl(read_as<sockaddr_in>(storage_).sin_addr.s_addr));
}

std::strong_ordering address::operator<=>(const address& other) const noexcept {
    if (is_v6() != other.is_v6()) {
        return is_v6() ? std::strong_ordering::greater : std::strong_ordering::less;
    }
    if (!is_v6()) {
        const auto mine = ntohl(read_as<sockaddr_in>(storage_).sin_addr.s_addr);
        const auto theirs = ntohl(read_as<sockaddr_in>(other.storage_).sin_addr.s_addr);
        return mine != theirs ? mine <=> theirs : port() <=> other.port();
    }
    const auto mine = read_as<sockaddr_in6>(storage_);
    const auto theirs = read_as<sockaddr_in6>(other.storage_);
    const int host = std::memcmp(&mine.sin6_addr, &theirs.sin6_addr, sizeof mine.sin6_addr);
    if (host != 0) {
        return host <=> 0;
    }
    return mine.sin6_scope_id != theirs.sin6_scope_id ? mine.sin6_scope_id <=> theirs.sin6_scope_id
                                                      : port() <=> other.port();
}

std::size_t address::hash() const noexcept {
    // What compares equal, and no more: not the flow label, not the padding of IPv4.
    std::uint64_t mixed = 0x9E37'79B9'7F4A'7C15U + (std::uint64_t{scope_id()} << 16) + port();
    const auto mix = [&mixed](std::uint64_t word) {
        mixed = (mixed ^ word) * 0xFF51'AFD7'ED55'8CCDU;
        mixed ^= mixed >> 32;
    };
    if (is_v6()) {
        std::array<std::uint64_t, 2> words{};
        const in6_addr host = read_as<sockaddr_in6>(storage_).sin6_addr;
        std::memcpy(words.data(), &host, sizeof words);
        mix(words[0]);
        mix(words[1]);
    } else {
        mix(read_as<sockaddr_in>(storage_).sin_addr.s_addr);
    }
    return static_cast<std::size_t>(mixed);
}

std::string address::host() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (!is_v6()) {
        const auto v4 = read_as<sockaddr_in>(storage_);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        return text.data();
    }
    const auto v6 = read_as<sockaddr_in6>(storage_);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    std::string host{text.data()};
    if (v6.sin6_scope_id != 0) {
        std::array<char, IF_NAMESIZE> name{};
        host += '%';
        host += ::if_indextoname(v6.sin6_scope_id, name.data()) != nullptr
                    ? std::string{name.data()}
                    : std::to_string(v6.sin6_scope_id);
    }
    return host;
}

std::string to_string(const address& where) {
    const std::string port = ":" + std::to_string(where.port());
    return where.is_v6() ? "[" + where.host() + "]" + port : where.host() + port;
}

} // namespace pirn::net
