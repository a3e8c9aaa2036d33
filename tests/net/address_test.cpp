// SPDX-License-Identifier: MIT
//
// Addresses to text and back.
#include <pirn/net/address.hpp>

#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace {

using pirn::net::address;

TEST(address, reads_what_it_writes) {
    for (const std::string text : {"127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535",
                                   "[::1]:80", "[::]:0", "[2001:db8::1]:443", "[fe80::1%lo]:22"}) {
        EXPECT_EQ(to_string(address::parse(text)), text);
    }
}

TEST(address, without_a_host_is_every_address_of_the_machine) {
    EXPECT_EQ(to_string(address::parse(":8080")), "0.0.0.0:8080");
}

TEST(address, refuses_what_is_none) {
    for (const std::string_view text :
         {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
          "127.0.0.1: 80", "256.0.0.1:80", "localhost:80", "[::1]", "[::1]:", "[::1:80", "::1:80",
          "[fe80::1%]:80", "[fe80::1%nosuchinterface]:80", "[]:80"}) {
        std::error_code error;
        EXPECT_EQ(address::parse(text, error), address{}) << text;
        EXPECT_EQ(error, std::errc::invalid_argument) << text;
        EXPECT_THROW(address::parse(text), std::system_error) << text;
    }
}

TEST(address, says_what_it_could_not_read_and_why) {
    struct wrong {
        std::string_view text, why;
    };
    for (const auto& [text, why] :
         {wrong{"localhost:80", "names are for net::resolve"},
          wrong{"127.0.0.1", "port is missing"}, wrong{"[::1]", "port is missing"},
          wrong{"[::1:80", "closing bracket"}, wrong{"[::1]x:80", "follow the closing bracket"},
          wrong{"[::g]:80", "no IPv6 address"}, wrong{"::1:80", "stands in brackets"},
          wrong{"127.0.0.1:http", "no number from 0 to 65535"},
          wrong{"[fe80::1%nosuchinterface]:80", "neither an interface"},
          wrong{std::string_view{"127.0.0.1\0:80", 13}, "zero byte"}}) {
        try {
            address::parse(text);
            ADD_FAILURE() << "read " << text;
        } catch (const std::system_error& error) {
            const std::string_view said{error.what()};
            EXPECT_NE(said.find(why), std::string_view::npos) << said;
            EXPECT_NE(said.find(text.substr(0, 8)), std::string_view::npos) << said;
        }
    }
}

TEST(address, reads_a_host_that_stands_alone) {
    std::error_code error;
    for (const std::string host : {"127.0.0.1", "::1", "fe80::1%lo", "2001:db8::7"}) {
        const address read = address::parse_host(host, 53, error);
        EXPECT_FALSE(error) << host;
        EXPECT_EQ(read.host(), host);
        EXPECT_EQ(read.port(), 53);
    }
    for (const std::string host : {"", "localhost", "[::1]", "127.1", "::1%", "1.2.3.4.5"}) {
        EXPECT_EQ(address::parse_host(host, 53, error), address{}) << host;
        EXPECT_EQ(error, std::errc::invalid_argument) << host;
    }
}

TEST(address, knows_the_ones_that_everybody_needs) {
    EXPECT_EQ(to_string(address::loopback(1)), "127.0.0.1:1");
    EXPECT_EQ(to_string(address::loopback_v6(1)), "[::1]:1");
    EXPECT_EQ(to_string(address::any(1)), "0.0.0.0:1");
    EXPECT_EQ(to_string(address::any_v6(1)), "[::]:1");
    EXPECT_TRUE(address::loopback(1).is_loopback() && address::loopback_v6(1).is_loopback());
    EXPECT_FALSE(address::any(1).is_loopback() || address::any_v6(1).is_loopback());
    EXPECT_TRUE(address::parse("239.1.2.3:5").is_multicast());
    EXPECT_TRUE(address::parse("[ff02::1%lo]:5").is_multicast());
    EXPECT_FALSE(address::loopback(1).is_multicast() || address::loopback_v6(1).is_multicast());
}

TEST(address, is_ordered_and_can_be_a_key) {
    const std::vector<address> ascending{
        address::parse("1.2.3.4:9"),     address::parse("2.0.0.0:1"),
        address::parse("2.0.0.0:2"),     address::parse("[::1]:80"),
        address::parse("[fe80::1]:1"),   address::parse("[fe80::1%1]:1"),
        address::parse("[fe80::1%2]:0"), address::parse("[fe80::2]:0")};
    for (std::size_t i = 0; i + 1 < ascending.size(); ++i) {
        EXPECT_LT(ascending[i], ascending[i + 1]) << i;
    }
    std::unordered_set<address> seen{ascending.begin(), ascending.end()};
    EXPECT_EQ(seen.size(), ascending.size());
    for (const address& each : ascending)
        EXPECT_TRUE(seen.contains(address::parse(to_string(each))));
}

TEST(address, compares_by_family_host_port_and_scope) {
    EXPECT_EQ(address::parse("127.0.0.1:80"), address::loopback(80));
    EXPECT_NE(address::parse("127.0.0.1:81"), address::loopback(80));
    EXPECT_NE(address::parse("127.0.0.2:80"), address::loopback(80));
    EXPECT_NE(address::parse("[::]:0"), address{});
    EXPECT_NE(address::parse("[fe80::1%1]:80"), address::parse("[fe80::1%2]:80"));
}

TEST(address, has_a_port_that_can_be_set) {
    auto where = address::parse("[::1]:80");
    EXPECT_EQ(where.port(), 80);
    where.set_port(8443);
    EXPECT_EQ(to_string(where), "[::1]:8443");
}

TEST(address, takes_from_the_kernel_only_families_that_it_knows) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(7);
    const auto* raw = reinterpret_cast<const sockaddr*>(&v4);
    EXPECT_EQ(address::from(raw, sizeof v4).port(), 7);
    EXPECT_EQ(address::from(raw, sizeof v4 - 1), address{}) << "cut off";
    v4.sin_family = AF_UNIX;
    EXPECT_EQ(address::from(raw, sizeof v4), address{});
}

} // namespace
