// SPDX-License-Identifier: MIT
//
// What is written as text and read again: addresses of all kinds, printed and parsed, and the tree of tasks as JSON,
// whatever bytes the tasks' names have.
//
// Its planted fault: one control character is not escaped in the JSON.
#include <pirn/net/address.hpp>
#include <pirn/net/unix_address.hpp>
#include <pirn/sched/park.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/sync/event.hpp>

#include "json.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/un.h>

namespace {

using fuzz::choices;
using fuzz::require;
using fuzz::require_equal;
using pirn::net::address;
using pirn::net::unix_address;

// ---- addresses

// Everything that is true of one address.
void check_address(const address& where) {
    const std::string text = to_string(where);
    std::error_code error;
    const address again = address::parse(text, error);
    require(!error, "what to_string gives can be parsed");
    require(again == where, "an address survives printing and parsing");
    require_equal(again.hash(), where.hash(), "equal addresses have the same hash");
    require(to_string(again) == text, "an address is printed in one way");
    require(address::parse_host(where.host(), where.port(), error) == where && !error,
            "parse_host takes what host gives");
    require(address::from(where.raw(), where.raw_size()) == where,
            "an address survives the form of system calls");
    require_equal(where.raw_size() == sizeof(sockaddr_in6), where.is_v6(), "it has its size");
    address moved = where;
    moved.set_port(static_cast<std::uint16_t>(where.port() ^ 1U));
    require(moved != where && moved.host() == where.host(), "set_port changes the port alone");
}

address raw_address(choices& decides) {
    if (decides.flag()) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = static_cast<in_port_t>(decides.below(65536));
        const std::string host = decides.text(16);
        std::memcpy(&v6.sin6_addr, host.data(), host.size());
        v6.sin6_scope_id = static_cast<std::uint32_t>(decides.one_in(4) ? decides.below(65536) : 0);
        v6.sin6_flowinfo = decides.byte();
        return address::from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = static_cast<in_port_t>(decides.below(65536));
    const std::string host = decides.text(4);
    std::memcpy(&v4.sin_addr, host.data(), host.size());
    return address::from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

void check_addresses(choices& decides) {
    const address one = raw_address(decides);
    const address other = raw_address(decides);
    check_address(one);
    check_address(other);
    require((one < other) == (other > one) && (one == other) == !(one < other || other < one),
            "the order of addresses is an order");
}

void check_parsing(choices& decides) {
    // Letters of which addresses are made, so that many are good.
    constexpr std::string_view letters = "0123456789abcdef::::....[[]]%lo @\\x";
    std::string text = decides.text(decides.below(64));
    if (decides.flag()) {
        for (char& each : text) {
            each = letters[static_cast<unsigned char>(each) % letters.size()];
        }
    }
    std::error_code error;
    const address where = address::parse(text, error);
    if (!error) {
        check_address(where);
    } else {
        require(error == std::errc::invalid_argument && where == address{},
                "what cannot be parsed is refused");
    }
    const address host = address::parse_host(text, 80, error);
    if (!error) {
        require_equal(host.port(), std::uint16_t{80}, "parse_host takes the port from beside it");
        check_address(host);
    }
}

// ---- unix addresses

void check_unix_address(const unix_address& where) {
    const std::string text = to_string(where);
    std::error_code error;
    const unix_address again = unix_address::parse(text, error);
    const std::string name{where.name()};
    require(!error && again == where, "the name of a unix socket survives printing");
    if (where.is_abstract()) {
        require(std::ranges::all_of(text, [](char each) { return each > ' ' && each < 0x7F; }),
                "an abstract name is printable");
    }
    const unix_address back = unix_address::from(where.raw(), where.raw_size());
    require(back == where, "the name of a unix socket survives the form of system calls");
    require_equal(where.is_path() + where.is_abstract() + where.is_unnamed(), 1,
                  "a name is of one kind");
}

void check_unix_addresses(choices& decides) {
    std::error_code error;
    std::string text = decides.text(decides.below(120));
    switch (decides.below(4)) {
    case 0: {
        const unix_address where = unix_address::parse(text, error);
        if (!error) {
            check_unix_address(where);
        }
        break;
    }
    case 1:
    case 2:
        text.resize(std::min(text.size(), unix_address::longest));
        if (!text.empty() && text.find('\0') == std::string::npos) {
            check_unix_address(unix_address::path(text));
        }
        check_unix_address(unix_address::abstract(text));
        break;
    default: {
        sockaddr_un raw{};
        raw.sun_family = AF_UNIX;
        text.resize(std::min(text.size(), sizeof raw.sun_path));
        std::memcpy(raw.sun_path, text.data(), text.size());
        check_unix_address(unix_address::from(reinterpret_cast<const sockaddr*>(&raw),
                                              offsetof(sockaddr_un, sun_path) + text.size()));
        break;
    }
    }
}

// ---- JSON

std::string json_under_test() {
    std::string text = pirn::task_tree_json();
    if constexpr (fuzz::planted) {
        constexpr std::string_view escaped = "\\u0013";
        if (const std::size_t at = text.find(escaped); at != std::string::npos) {
            text.replace(at, escaped.size(), "\x13"); // the fault
        }
    }
    return text;
}

// spawn_named: a task with the first of the names, which does the same with the others. Ends when `over` is set.
void spawn_named(pirn::task_group& group, std::vector<std::string>::const_iterator first,
                 std::vector<std::string>::const_iterator last, bool nested, pirn::event& over) {
    for (; first != last; ++first) {
        const auto next = first + 1;
        group.spawn({.name = *first}, [next, last, nested, &over] {
            pirn::task_group inner;
            if (nested) {
                spawn_named(inner, next, last, nested, over);
            }
            over.wait();
            inner.wait();
        });
        if (nested) {
            return;
        }
    }
}

// expect_name: the name is there, unless its bytes are not UTF-8, or it was cut inside a character.
void expect_name(std::string_view name, const std::vector<std::string>& found) {
    constexpr std::size_t longest = 31;
    name = name.substr(0, longest);
    if (fuzz::is_utf8(name) && name.find('\0') == std::string_view::npos) {
        require(std::ranges::find(found, name) != found.end(), "a task's name is in the JSON");
    }
}

void check_json(choices& decides) {
    std::vector<std::string> names(decides.between(1, 4));
    for (std::string& each : names) {
        each = decides.text(decides.below(40));
    }
    const bool nested = decides.flag();
    const bool begun = decides.flag();
    fuzz::on_a_test_clock([&] {
        pirn::event over;
        pirn::task_group group;
        spawn_named(group, names.cbegin(), names.cend(), nested, over);
        if (begun) {
            for (std::size_t i = 0; i <= names.size(); ++i) {
                pirn::yield_now();
            }
        }
        const std::string text = json_under_test();
        over.set();
        fuzz::json_checker checker{text, "name"};
        require(checker.check(), "task_tree_json is JSON, whatever the names are");
        if (!nested || begun) {
            require_equal(checker.collected().size(), names.size() + 1, "each task is in it");
            for (const std::string& each : names) {
                expect_name(each, checker.collected());
            }
        }
        group.wait();
    });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    switch (decides.below(4)) {
    case 0: check_parsing(decides); break;
    case 1: check_addresses(decides); break;
    case 2: check_unix_addresses(decides); break;
    default: check_json(decides); break;
    }
    return 0;
}
