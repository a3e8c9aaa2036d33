// SPDX-License-Identifier: MIT
//
// Names of unix sockets. In a sockaddr_un they stand like this, and the size says where they end:
//
//   unnamed    family
//   path       family  "/run/pirn.sock" 0
//   abstract   family  0 "pirn"                 (unix(7): not terminated, zeros count)
#include <pirn/net/unix_address.hpp>

#include <pirn/base/error.hpp>

#include "base/c_string.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <sys/socket.h>
#include <sys/un.h>

namespace pirn::net {
namespace {

constexpr std::size_t name_at = offsetof(sockaddr_un, sun_path);
static_assert(sizeof(sockaddr_un) - name_at == unix_address::longest + 1);
static_assert(sizeof(sockaddr_un) <= 112);

std::optional<unsigned> value_of_digit(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
    if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a') + 10;
    if (digit >= 'A' && digit <= 'F') return static_cast<unsigned>(digit - 'A') + 10;
    return std::nullopt;
}

// The bytes that an abstract name's text means; nothing if it breaks off in an escape. No more than one byte
// over the longest are looked at.
std::optional<std::string> without_escapes(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size() && name.size() <= unix_address::longest; ++i) {
        if (text[i] != '\\') {
            name += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '\\') {
            name += text[++i];
        } else {
            const auto high = i + 3 < text.size() && text[i + 1] == 'x'
                                  ? value_of_digit(text[i + 2])
                                  : std::nullopt;
            const auto low = high ? value_of_digit(text[i + 3]) : std::nullopt;
            if (!low) return std::nullopt;
            name += static_cast<char>(*high * 16 + *low);
            i += 3;
        }
    }
    return name;
}

void throw_if(const std::error_code& error, std::string_view text) {
    if (error) {
        throw_error(error,
                    ("not a name for a unix socket: " + pirn::detail::printable(text)).c_str());
    }
}

} // namespace

unix_address::unix_address() noexcept {
    const sa_family_t family = AF_UNIX;
    std::memcpy(storage_.data() + offsetof(sockaddr_un, sun_family), &family, sizeof family);
}

unix_address unix_address::named(std::string_view name, bool abstract,
                                 std::error_code& error) noexcept {
    error.clear();
    if (name.size() > longest) {
        error = std::make_error_code(std::errc::filename_too_long);
    } else if (!abstract && !pirn::detail::is_c_string(name)) {
        error = std::make_error_code(std::errc::invalid_argument);
    }
    unix_address made;
    if (!error) {
        made.abstract_ = abstract;
        made.length_ = static_cast<unsigned char>(name.size());
        if (!name.empty()) std::memcpy(made.place(), name.data(), name.size());
    }
    return made;
}

namespace {

constexpr std::string_view here{"./"};

// needs_folder: whether the path, without "./" before it any number of times, begins as an abstract address does. Then it
// is printed with one more, which parse takes away.
bool needs_folder(std::string_view path) noexcept {
    while (path.starts_with(here)) {
        path.remove_prefix(here.size());
    }
    return path.starts_with('@');
}

} // namespace

unix_address unix_address::parse(std::string_view text, std::error_code& error) noexcept {
    if (!text.starts_with('@')) {
        return named(needs_folder(text) ? text.substr(here.size()) : text, false, error);
    }
    const auto name = without_escapes(text.substr(1));
    if (!name) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    return named(*name, true, error);
}

unix_address unix_address::parse(std::string_view text) {
    std::error_code error;
    const unix_address parsed = parse(text, error);
    throw_if(error, text);
    return parsed;
}

unix_address unix_address::path(std::string_view name) {
    std::error_code error;
    const unix_address made = named(name, false, error);
    if (name.empty()) error = std::make_error_code(std::errc::invalid_argument);
    throw_if(error, name);
    return made;
}

unix_address unix_address::abstract(std::string_view name) {
    std::error_code error;
    const unix_address made = named(name, true, error);
    throw_if(error, name);
    return made;
}

unix_address unix_address::from(const sockaddr* raw, std::size_t size) noexcept {
    std::error_code ignored;
    if (size <= name_at || raw->sa_family != AF_UNIX) {
        return {};
    }
    const std::string_view stored{reinterpret_cast<const char*>(raw) + name_at,
                                  std::min(size - name_at, longest + 1)};
    return stored.front() == '\0' ? named(stored.substr(1), true, ignored)
                                  : named(stored.substr(0, stored.find('\0')), false, ignored);
}

std::byte* unix_address::place() noexcept {
    return storage_.data() + name_at + (abstract_ ? 1 : 0);
}

std::string_view unix_address::name() const noexcept {
    return {reinterpret_cast<const char*>(const_cast<unix_address*>(this)->place()), length_};
}

const sockaddr* unix_address::raw() const noexcept {
    return static_cast<const sockaddr*>(static_cast<const void*>(storage_.data())); // it is aligned
}

unsigned unix_address::raw_size() const noexcept {
    const std::size_t mark = is_unnamed() ? 0 : 1; // the zero before, or behind it
    return static_cast<unsigned>(name_at + length_ + mark);
}

bool unix_address::operator==(const unix_address& other) const noexcept {
    return abstract_ == other.abstract_ && name() == other.name();
}

std::string to_string(const unix_address& where) {
    if (!where.is_abstract()) {
        const std::string_view path = where.name();
        return std::string{needs_folder(path) ? here : std::string_view{}} += path;
    }
    constexpr std::string_view digits{"0123456789abcdef"};
    std::string text{"@"};
    for (const char each : where.name()) {
        const auto byte = static_cast<unsigned char>(each);
        if (each == '\\') {
            text += "\\\\";
        } else if (byte > 0x20 && byte < 0x7F) {
            text += each;
        } else {
            text += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return text;
}

} // namespace pirn::net
