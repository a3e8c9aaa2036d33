// SPDX-License-Identifier: MIT
//
// Names of unix sockets to text and back.
#include <pirn/net/unix_address.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace {

using pirn::net::unix_address;
using namespace std::string_view_literals;

TEST(unix_address, reads_what_it_writes) {
    for (const std::string text :
         {"/run/pirn.sock", "relative", "", "@pirn", "@", R"(@a\x00b\\c\x7f\x20)"}) {
        const auto read = unix_address::parse(text);
        EXPECT_EQ(to_string(read), text);
        EXPECT_EQ(unix_address::from(read.raw(), read.raw_size()), read)
            << "through the kernel's form";
    }
}

TEST(unix_address, tells_the_three_kinds_apart) {
    EXPECT_TRUE(unix_address{}.is_unnamed());
    const auto path = unix_address::path("/tmp/x");
    EXPECT_TRUE(path.is_path() && !path.is_abstract() && !path.is_unnamed());
    const auto abstract = unix_address::abstract("a\0b"sv);
    EXPECT_TRUE(abstract.is_abstract() && !abstract.is_path());
    EXPECT_EQ(abstract.name(), "a\0b"sv);
    EXPECT_NE(unix_address::path("x"), unix_address::abstract("x"));
    EXPECT_NE(unix_address::abstract("x"), unix_address::abstract("y"));
}

TEST(unix_address, of_a_path_that_looks_abstract_says_where_it_is) {
    EXPECT_EQ(to_string(unix_address::path("@x")), "./@x");
    // As long as can be, and with any number of such beginnings.
    for (const std::size_t size : {2U, 105U, 106U, 107U}) {
        for (const char* beginning : {"@", "./@", "././@", "./x", "."}) {
            const std::string name =
                beginning + std::string(size - 1, 'x').substr(0, size > 10 ? size - 5 : 1);
            const auto path = unix_address::path(name);
            EXPECT_EQ(unix_address::parse(to_string(path)), path) << name;
        }
        const auto longest = unix_address::path("@" + std::string(size - 1, 'x'));
        EXPECT_EQ(unix_address::parse(to_string(longest)), longest) << size;
    }
}

TEST(unix_address, refuses_what_is_none) {
    std::error_code error;
    for (const auto text :
         {"/tmp/a\0b"sv, R"(@\)"sv, R"(@\x)"sv, R"(@\x1)"sv, R"(@\xg0)"sv, R"(@\n)"sv}) {
        EXPECT_TRUE(unix_address::parse(text, error).is_unnamed()) << text;
        EXPECT_EQ(error, std::errc::invalid_argument) << text;
        EXPECT_THROW(unix_address::parse(text), std::system_error) << text;
    }
    EXPECT_THROW(unix_address::path(""), std::system_error);
    try {
        unix_address::path("/tmp/a\0b"sv);
        ADD_FAILURE();
    } catch (const std::system_error& thrown) {
        EXPECT_NE(std::string_view{thrown.what()}.find(R"(/tmp/a\0b)"), std::string_view::npos);
    }
    EXPECT_THROW(unix_address::path("a\0b"sv), std::system_error);
}

TEST(unix_address, with_an_empty_abstract_name_is_not_unnamed) {
    const unix_address empty = unix_address::parse("@");
    EXPECT_TRUE(empty.is_abstract() && !empty.is_unnamed() && !empty.is_path());
    EXPECT_EQ(empty, unix_address::abstract(""));
    EXPECT_FALSE(empty == unix_address{});
    EXPECT_EQ(unix_address::from(empty.raw(), empty.raw_size()), empty);
}

TEST(unix_address, has_a_limit) {
    const std::string longest(unix_address::longest, 'x');
    EXPECT_EQ(unix_address::path(longest).name(), longest);
    EXPECT_EQ(unix_address::parse("@" + longest).name(), longest);
    std::error_code error;
    for (const std::string& text : {longest + "x", "@" + longest + "x"}) {
        EXPECT_TRUE(unix_address::parse(text, error).is_unnamed());
        EXPECT_EQ(error, std::errc::filename_too_long);
    }
    EXPECT_THROW(unix_address::abstract(longest + "x"), std::system_error);
}

TEST(unix_address, takes_from_the_kernel_what_is_of_its_family) {
    sockaddr_un raw{};
    raw.sun_family = AF_INET;
    raw.sun_path[0] = 'x';
    const auto* any = reinterpret_cast<const sockaddr*>(&raw);
    EXPECT_TRUE(unix_address::from(any, sizeof raw).is_unnamed());
    raw.sun_family = AF_UNIX;
    EXPECT_EQ(unix_address::from(any, sizeof raw), unix_address::path("x"));
    EXPECT_TRUE(unix_address::from(any, offsetof(sockaddr_un, sun_path)).is_unnamed());
}

} // namespace
