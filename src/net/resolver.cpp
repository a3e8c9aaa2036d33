// SPDX-License-Identifier: MIT
//
// Names: the numeric ones at once, the others by a lookup, whose answer may be kept for a while.
#include <pirn/net/resolver.hpp>

#include "base/c_string.hpp"
#include "net/common.hpp"
#include "net/lookup.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace pirn::net {
namespace {

class resolve_category_type final : public std::error_category {
  public:
    const char* name() const noexcept override { return "resolve"; }

    std::string message(int value) const override {
        switch (static_cast<resolve_errc>(value)) {
        case resolve_errc::host_not_found: return "No such host or service";
        case resolve_errc::no_address: return "The host has no address of this family";
        case resolve_errc::try_again: return "No name server has answered; later perhaps";
        case resolve_errc::no_recovery: return "The name server cannot answer";
        case resolve_errc::unknown_service:
            return "The service is no port, or none for this kind of socket";
        case resolve_errc::out_of_memory: return "Out of memory";
        case resolve_errc::other: break;
        }
        return "The name could not be resolved";
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<resolve_errc>(value)) {
        case resolve_errc::out_of_memory: return std::errc::not_enough_memory;
        case resolve_errc::try_again: return std::errc::resource_unavailable_try_again;
        default: return {value, *this};
        }
    }
};

// Whether getaddrinfo reads the service as a number, though it may be none that a port has: it takes blanks, a sign
// and nothing at all, and of a number that is too large the lowest 16 bits.
bool looks_like_number(std::string_view service) noexcept {
    return service.find_first_not_of(" \t\n\v\f\r+-0123456789") == std::string_view::npos;
}

std::optional<std::uint16_t> port_of(std::string_view service) noexcept {
    std::uint16_t port = 0;
    const char* const end = service.data() + service.size();
    const auto [at, failed] = std::from_chars(service.data(), end, port);
    return failed == std::errc{} && at == end ? std::optional{port} : std::nullopt;
}

// The answer to what needs no question: a numeric host with a numeric port.
std::optional<address> numeric(std::string_view host, std::string_view service,
                               address_family family) noexcept {
    const std::optional<std::uint16_t> port = port_of(service);
    if (!port) {
        return std::nullopt;
    }
    std::error_code error;
    const address read = address::parse_host(host, *port, error);
    const bool wanted =
        family == address_family::any || read.is_v6() == (family == address_family::v6);
    return error || !wanted ? std::nullopt : std::optional{read};
}

// What the throwing forms throw.
std::vector<address> or_throw(std::vector<address>&& found, const std::error_code& error,
                              std::string_view host) {
    if (error) {
        detail::check(error, ("resolve " + pirn::detail::printable(host)).c_str());
    }
    return std::move(found);
}

} // namespace

const std::error_category& resolve_category() noexcept {
    static const resolve_category_type category;
    return category;
}

struct resolver::state {
    struct entry {
        std::shared_ptr<detail::lookup> asked;
        time_point expires = never; // until it is answered
    };
    using entries = std::map<detail::question, entry>;
    using kept_until = std::pair<time_point, const detail::question*>;

    resolver_options options;
    entries known;
    std::set<kept_until>
        kept; // the answers among them, the next to expire first; keys of a map stay where they are

    bool keeps() const noexcept {
        return options.cache_for > duration::zero() && options.cache_size > 0;
    }

    // The lookup for a question: one that is on its way, one whose answer still counts, or a new one.
    std::shared_ptr<detail::lookup> find(const detail::question& what) {
        const auto found = known.try_emplace(what).first;
        entry& place = found->second;
        if (place.asked == nullptr || !place.asked->joinable() ||
            (place.asked->answered() && place.expires <= now())) {
            auto fresh = std::make_shared<detail::lookup>(what);
            kept.erase({place.expires, &found->first});
            place = {std::move(fresh)};
        }
        return place.asked;
    }

    // Called when somebody has seen the lookup's end, or left: keeps the answer, or forgets the question.
    void settle(const std::shared_ptr<detail::lookup>& asked) {
        const auto found = known.find(asked->what());
        if (found == known.end() || found->second.asked != asked ||
            found->second.expires != never) {
            return; // somebody else has
        }
        if (!asked->answered()) {
            if (!asked->joinable()) {
                known.erase(found);
            }
            return;
        }
        const bool failed = static_cast<bool>(asked->error());
        const duration long_enough =
            failed ? std::min(options.cache_for, options.cache_failures_for) : options.cache_for;
        const bool an_answer = !failed || asked->error() == resolve_errc::host_not_found ||
                               asked->error() == resolve_errc::no_address;
        if (!keeps() || !an_answer || long_enough <= duration::zero()) {
            known.erase(found);
            return;
        }
        const time_point until = std::min(after(long_enough), never - duration{1});
        kept.emplace(until, &found->first);
        found->second.expires = until;
        make_room();
    }

    void make_room() {
        while (kept.size() > options.cache_size) {
            const detail::question* const first = kept.begin()->second;
            kept.erase(kept.begin());
            known.erase(known.find(*first));
        }
    }
};

resolver::resolver(const resolver_options& options) : state_{std::make_shared<state>()} {
    state_->options = options;
}

resolver::~resolver() = default;

std::vector<address> resolver::resolve(std::string_view host, std::string_view service,
                                       address_family family, std::error_code& error) {
    pirn::detail::give_way(); // what follows is mostly answered at once
    error = error_of(stop_requested() ? -ECANCELED : 0);
    if (error) {
        return {};
    }
    if (const auto answer = numeric(host, service, family)) {
        return {*answer};
    }
    if (!pirn::detail::is_c_string(host) || !pirn::detail::is_c_string(service)) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    if (host.empty()) { // which getaddrinfo takes for this machine
        error = resolve_errc::host_not_found;
        return {};
    }
    if (looks_like_number(service) && !port_of(service)) {
        error = resolve_errc::unknown_service;
        return {};
    }
    const std::shared_ptr<state> kept = state_; // this may be gone after the wait
    const auto asked = kept->find({std::string{host}, std::string{service}, family});
    const bool answered = asked->answered() || asked->ask();
    kept->settle(asked);
    if (!answered) {
        error = error_of(-ECANCELED);
        return {};
    }
    error = asked->error();
    return asked->addresses();
}

std::vector<address> resolver::resolve(std::string_view host, std::string_view service,
                                       address_family family) {
    std::error_code error;
    auto found = resolve(host, service, family, error);
    return or_throw(std::move(found), error, host);
}

std::vector<address> resolver::resolve(std::string_view host, std::uint16_t port,
                                       address_family family) {
    return resolve(host, std::to_string(port), family);
}

void resolver::clear() noexcept {
    for (const auto& [until, question] : state_->kept) {
        state_->known.erase(state_->known.find(*question));
    }
    state_->kept.clear();
}

std::size_t resolver::cached() const noexcept { return state_->kept.size(); }

// ---- without a cache

std::vector<address> resolve(std::string_view host, std::string_view service, address_family family,
                             std::error_code& error) {
    return resolver{}.resolve(host, service, family, error);
}

std::vector<address> resolve(std::string_view host, std::string_view service,
                             address_family family) {
    return resolver{}.resolve(host, service, family);
}

std::vector<address> resolve(std::string_view host, std::uint16_t port, address_family family) {
    return resolver{}.resolve(host, port, family);
}

} // namespace pirn::net
