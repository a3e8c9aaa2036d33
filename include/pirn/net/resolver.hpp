// SPDX-License-Identifier: MIT
//
// Names into addresses, by the system's own means: getaddrinfo(3) on the blocking pool, so that hosts, DNS and
// whatever else nsswitch.conf(5) names are asked as in every other program of the machine.
//
//   for (const auto& each : pirn::net::resolve("example.org", 443)) …
//
// A lookup occupies a thread of the pool (loop_options::pool, which files use too) until it ends, which without an answer of any server takes as long as
// resolv.conf(5) says (ten seconds, say). Whoever waits for it may leave at any time; the thread then goes on
// alone, and run() waits for it.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/net/address.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace pirn::net {

// resolve_errc: what getaddrinfo can answer, apart from errors of the system, which come as such. Lack of memory
// also equals std::errc::not_enough_memory.
enum class resolve_errc {
    host_not_found = 1, // no such name, or no such service
    no_address,         // the name exists, without an address of the family asked for
    try_again,          // no server has answered; later perhaps
    no_recovery,        // a server has answered that it cannot
    unknown_service,    // no such port, or not for this kind of socket
    out_of_memory,
    other,
};

// resolve_category: named "resolve". Never suspends.
PIRN_EXPORT const std::error_category& resolve_category() noexcept;
inline std::error_code make_error_code(resolve_errc what) noexcept {
    return {static_cast<int>(what), resolve_category()};
}

enum class address_family : std::uint8_t { any, v4, v6 };

struct resolver_options {
    // How long an answer is kept; zero: not at all. The time that DNS gives an answer is not known here.
    duration cache_for = duration::zero();

    // How long it is kept that there is no such host; not more than cache_for.
    duration cache_failures_for = std::chrono::seconds{1};

    // Answers that are kept at most; the one that is next to expire goes first.
    std::size_t cache_size = 256;
};

// resolver: keeps answers, and lets those who ask for the same at the same time share one lookup. Belongs to
// one thread. Who waits may outlive it.
class PIRN_EXPORT resolver {
  public:
    explicit resolver(const resolver_options& options = {});
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;
    ~resolver();

    // resolve: the addresses of a host, in the order in which they should be tried (RFC 6724), each with the
    // port; at least one. A numeric host ("127.0.0.1", "::1", "fe80::1%eth0") is answered at once and without
    // a thread. The second form names the port as a service: "https", or a number without sign or blanks, from
    // "0" to "65535"; what is neither is resolve_errc::unknown_service. The third gives nothing on error. A zero byte
    // in a name is std::errc::invalid_argument. Suspends.
    std::vector<address> resolve(std::string_view host, std::uint16_t port,
                                 address_family family = address_family::any);
    std::vector<address> resolve(std::string_view host, std::string_view service,
                                 address_family family = address_family::any);
    std::vector<address> resolve(std::string_view host, std::string_view service,
                                 address_family family, std::error_code& error);

    // clear: forgets what is kept. Never suspends.
    void clear() noexcept;

    // cached: answers that are kept, expired ones among them until somebody looks. Never suspends.
    std::size_t cached() const noexcept;

  private:
    struct state;
    std::shared_ptr<state> state_;
};

// resolve: the same without a cache. Suspends.
PIRN_EXPORT std::vector<address> resolve(std::string_view host, std::uint16_t port,
                                         address_family family = address_family::any);
PIRN_EXPORT std::vector<address> resolve(std::string_view host, std::string_view service,
                                         address_family family = address_family::any);
PIRN_EXPORT std::vector<address> resolve(std::string_view host, std::string_view service,
                                         address_family family, std::error_code& error);

} // namespace pirn::net

template <>
struct std::is_error_code_enum<pirn::net::resolve_errc> : std::true_type {};
