// SPDX-License-Identifier: MIT
//
// Addresses to text and back. inet_pton and inet_ntop do the work; the brackets and the port are ours.
#include <pirn/net/address.hpp>

#include <pirn/base/error.hpp>

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

bool parse_v6(std::string_view host, std::string_view port, sockaddr_in6& into) {
    into = {};
    into.sin6_family = AF_INET6;
    const std::size_t percent = host.find('%');
    if (percent != std::string_view::npos) {
        std::uint32_t scope = 0;
        if (!parse_scope(std::string{host.substr(percent + 1)}, scope)) {
            return false;
        }
        into.sin6_scope_id = scope;
        host = host.substr(0, percent);
    }
    return ::inet_pton(AF_INET6, std::string{host}.c_str(), &into.sin6_addr) == 1 &&
           parse_port(port, into.sin6_port);
}

bool parse_v4(std::string_view host, std::string_view port, sockaddr_in& into) {
    into = {};
    into.sin_family = AF_INET;
    if (host.empty()) {
        into.sin_addr.s_addr = htonl(INADDR_ANY);
    } else if (::inet_pton(AF_INET, std::string{host}.c_str(), &into.sin_addr) != 1) {
        return false;
    }
    return parse_port(port, into.sin_port);
}

} // namespace

address::address() noexcept : size_{sizeof(sockaddr_in)} {
    const sa_family_t family = AF_INET;
    std::memcpy(storage_.data() + offsetof(sockaddr, sa_family), &family, sizeof family);
}

address address::parse(std::string_view text) {
    std::error_code error;
    const address parsed = parse(text, error);
    if (error) {
        throw_error(error,
                    ("not a numeric address with a port, such as 127.0.0.1:80 or [::1]:80: " +
                     std::string{text})
                        .c_str());
    }
    return parsed;
}

address address::parse(std::string_view text, std::error_code& error) noexcept {
    error.clear();
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos) {
        const std::string_view host = text.substr(0, colon);
        const std::string_view port = text.substr(colon + 1);
        if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
            sockaddr_in6 v6;
            if (parse_v6(host.substr(1, host.size() - 2), port, v6)) {
                return from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
            }
        } else {
            sockaddr_in v4;
            if (parse_v4(host, port, v4)) {
                return from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
            }
        }
    }
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
}

address address::loopback(std::uint16_t port) noexcept {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = htons(port);
    return from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

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

bool address::operator==(const address& other) const noexcept {
    if (is_v6() != other.is_v6() || port() != other.port()) {
        return false;
    }
    if (!is_v6()) {
        return read_as<sockaddr_in>(storage_).sin_addr.s_addr ==
               read_as<sockaddr_in>(other.storage_).sin_addr.s_addr;
    }
    const auto mine = read_as<sockaddr_in6>(storage_);
    const auto theirs = read_as<sockaddr_in6>(other.storage_);
    return mine.sin6_scope_id == theirs.sin6_scope_id &&
           std::memcmp(&mine.sin6_addr, &theirs.sin6_addr, sizeof mine.sin6_addr) == 0;
}

std::string to_string(const address& where) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const std::string port = ":" + std::to_string(where.port());
    if (!where.is_v6()) {
        sockaddr_in v4;
        std::memcpy(&v4, where.raw(), sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        return text.data() + port;
    }
    sockaddr_in6 v6;
    std::memcpy(&v6, where.raw(), sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    std::string host{text.data()};
    if (v6.sin6_scope_id != 0) {
        std::array<char, IF_NAMESIZE> name{};
        host += '%';
        host += ::if_indextoname(v6.sin6_scope_id, name.data()) != nullptr
                    ? std::string{name.data()}
                    : std::to_string(v6.sin6_scope_id);
    }
    return "[" + host + "]" + port;
}

} // namespace pirn::net
