// SPDX-License-Identifier: MIT
//
// A connection to a host by its name: whichever of its addresses answers first, without waiting long for one
// that does not (happy eyeballs, RFC 8305).
//
//   auto server = pirn::net::connect("example.org", 443);
//
//   first address   ├──────────────────── no answer ─────────────┤ cancelled
//   second          250 ms ├── refused
//   third                             ├──────── connected, and that is it
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/net/address.hpp>
#include <pirn/net/options.hpp>
#include <pirn/net/resolver.hpp>
#include <pirn/net/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

namespace pirn::net {

struct connect_options {
    // For everything, the name included; duration::max() for no limit.
    pirn::duration timeout = std::chrono::seconds{30};

    // How long an address is given before the next one is tried beside it. One that has failed is followed at
    // once.
    pirn::duration stagger = std::chrono::milliseconds{250};

    address_family family = address_family::any;

    // Whose cache is used; null: none.
    resolver* names = nullptr;

    tcp_options tcp = {};
};

// connect: a connection to a host; numeric ones need no name server. std::errc::timed_out when the time is
// over; an error of resolve_category; or when all addresses have failed, what the first one said: the throwing
// form's message tells of each. Suspends.
PIRN_EXPORT tcp_stream connect(std::string_view host, std::uint16_t port,
                               const connect_options& options = {});
PIRN_EXPORT tcp_stream connect(std::string_view host, std::uint16_t port,
                               const connect_options& options, std::error_code& error);

// The same to addresses that are known already, of which there is at least one, in the order given. Suspends.
PIRN_EXPORT tcp_stream connect(std::span<const address> to, const connect_options& options = {});
PIRN_EXPORT tcp_stream connect(std::span<const address> to, const connect_options& options,
                               std::error_code& error);

// interleave_families: the order in which connect tries what a resolver has found: the families by turns, beginning
// with the first one's, and otherwise as they were. Never suspends.
PIRN_EXPORT std::vector<address> interleave_families(std::span<const address> found);

} // namespace pirn::net
