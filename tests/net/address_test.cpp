// SPDX-License-Identifier: MIT
//
// Addresses to text and back.
#include <pirn/net/address.hpp>

#include <string>
#include <string_view>
#include <system_error>

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

TEST(address, says_what_it_could_not_read) {
    try {
        address::parse("localhost:80");
        FAIL() << "read it";
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string_view{error.what()}.find("localhost:80"), std::string_view::npos);
    }
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
