// SPDX-License-Identifier: MIT
//
// The reader and the two framings, against models that see all bytes at once: the same results, however the bytes
// arrive, whatever the buffer's capacity, and with failures in between, after which the same call is made again.
//
// Its planted fault: `until` misses a delimiter that arrives in two pieces.
#include <pirn/io/framing.hpp>

#include "chunks.hpp"
#include "framing_reader.hpp"
#include "support.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using fuzz::as_text;
using fuzz::choices;
using fuzz::chunk_sink;
using fuzz::chunk_source;
using fuzz::delimiters;
using fuzz::few_letters;
using fuzz::require;
using fuzz::require_equal;
using fuzz::with_retries;

void check_reader(choices& decides) {
    const std::size_t capacity = decides.between(1, 24);
    const std::size_t piece_max = decides.between(1, 24);
    const bool fails = decides.flag();
    std::string text = few_letters(decides, 96);
    chunk_source source{std::move(text), decides, piece_max, fails};
    fuzz::reader_model{decides, source, capacity}.run();
}

// ---- framing

struct expected_message {
    std::optional<std::string_view> text;
    std::errc error{};
    std::size_t takes = 0; // bytes of the stream
};

std::uint64_t length_at(std::string_view head, const pirn::io::length_options& options) {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < options.size; ++i) {
        const std::size_t at = options.big_endian ? i : options.size - 1 - i;
        length = length << 8 | static_cast<unsigned char>(head[at]);
    }
    return length;
}

std::string length_of(std::uint64_t length, const pirn::io::length_options& options) {
    std::string head(options.size, '\0');
    for (std::size_t i = 0; i < options.size; ++i) {
        const std::size_t at = options.big_endian ? options.size - 1 - i : i;
        head[at] = static_cast<char>(length >> (8 * i));
    }
    return head;
}

expected_message expect_by_length(std::string_view rest, const pirn::io::length_options& options) {
    if (rest.empty()) {
        return {};
    }
    if (rest.size() < options.size) {
        return {.text = {}, .error = std::errc::no_message_available};
    }
    const std::uint64_t length = length_at(rest, options);
    if (length > options.message_max) {
        return {.text = {}, .error = std::errc::message_size};
    }
    rest.remove_prefix(options.size);
    if (rest.size() < length) {
        return {.text = {}, .error = std::errc::no_message_available};
    }
    const auto count = static_cast<std::size_t>(length);
    return {.text = rest.substr(0, count), .takes = options.size + count};
}

expected_message expect_delimited(std::string_view rest, std::string_view delimiter,
                                  std::size_t message_max) {
    const std::size_t at = rest.find(delimiter);
    if (at != std::string_view::npos && at <= message_max) {
        return {.text = rest.substr(0, at), .takes = at + delimiter.size()};
    }
    if (rest.size() > message_max) {
        return {.text = {}, .error = std::errc::message_size, .takes = 0};
    }
    if (rest.empty()) {
        return {};
    }
    return {.text = rest, .takes = rest.size()};
}

// Receives until the stream says nothing new, and compares each answer.
template <class Expect>
void check_receiving(pirn::io::framed_stream& messages, chunk_source& source, Expect expect) {
    std::string_view rest = source.text();
    std::vector<std::byte> into;
    for (int quiet = 0; quiet < 2;) {
        std::error_code error;
        const bool got = with_retries(source, error, [&] { return messages.receive(into, error); });
        const expected_message expected = expect(rest);
        require(error == expected.error || (!error && expected.error == std::errc{}),
                "receive ends with the model's error");
        require_equal(got, expected.text.has_value(), "receive gives a message if there is one");
        require(!got || as_text(into) == *expected.text, "a message is received as it was sent");
        rest.remove_prefix(expected.takes);
        quiet = got || expected.takes > 0 ? 0 : quiet + 1;
    }
}

// Sends, over a stream that takes parts and fails: frames stay apart, and none is sent in part and forgotten.
template <class Frame>
void check_sending(choices& decides, pirn::io::framed_stream& messages, const chunk_sink& sink,
                   std::size_t message_max, std::string_view banned, Frame frame) {
    std::string expected;
    for (int i = 0; i < 8 && !decides.empty(); ++i) {
        const std::string message = few_letters(decides, 24);
        if (!banned.empty() && message.find(banned) != std::string::npos) {
            continue;
        }
        std::error_code error;
        messages.send(pirn::bytes{message}, error);
        if (message.size() > message_max) {
            require(error == std::errc::message_size, "a message that is too long is refused");
            continue;
        }
        if (!error || sink.text().size() > expected.size()) {
            expected += frame(message);
        }
        require(!error || error == std::errc::connection_reset, "send has the stream's error");
        require(expected.starts_with(sink.text()), "what is written is the messages, in order");
        require_equal(sink.text().size() + messages.unsent(), expected.size(),
                      "what is not written of a message is kept");
    }
}

void check_by_length(choices& decides) {
    constexpr std::array<std::size_t, 4> sizes{1, 2, 4, 8};
    const pirn::io::length_options options{.size = sizes[decides.below(sizes.size())],
                                           .big_endian = decides.flag(),
                                           .message_max = decides.below(32)};
    const auto frame = [&](std::string_view message) {
        return length_of(message.size(), options) += message;
    };
    const std::size_t piece_max = decides.between(1, 24);
    const bool fails = decides.flag();
    if (decides.flag()) {
        auto sink = std::make_unique<chunk_sink>(decides, piece_max, fails);
        const chunk_sink& kept = *sink;
        pirn::io::length_framed messages{std::move(sink), options};
        check_sending(decides, messages, kept, options.message_max, {}, frame);
        return;
    }
    std::string text;
    for (std::size_t i = decides.below(6); i > 0; --i) {
        text += frame(few_letters(decides, 24));
    }
    if (decides.one_in(4)) { // also what is no frame
        text += decides.text(decides.below(12));
    }
    text.resize(text.size() - decides.below(std::min<std::size_t>(text.size(), 8) + 1));
    auto source = std::make_unique<chunk_source>(std::move(text), decides, piece_max, fails);
    chunk_source& kept = *source;
    pirn::io::length_framed messages{std::move(source), options};
    check_receiving(messages, kept,
                    [&](std::string_view rest) { return expect_by_length(rest, options); });
}

void check_delimited(choices& decides) {
    const std::string_view delimiter = delimiters[decides.below(delimiters.size())];
    const std::size_t message_max = decides.below(24);
    const std::size_t piece_max = decides.between(1, 24);
    const bool fails = decides.flag();
    if (decides.flag()) {
        auto sink = std::make_unique<chunk_sink>(decides, piece_max, fails);
        const chunk_sink& kept = *sink;
        pirn::io::delimited messages{std::move(sink), delimiter, message_max};
        check_sending(decides, messages, kept, message_max, delimiter,
                      [&](const std::string& message) { return message + std::string{delimiter}; });
        return;
    }
    std::string text = few_letters(decides, 96);
    auto source = std::make_unique<chunk_source>(std::move(text), decides, piece_max, fails);
    chunk_source& kept = *source;
    pirn::io::delimited messages{std::move(source), delimiter, message_max};
    check_receiving(messages, kept, [&](std::string_view rest) {
        return expect_delimited(rest, delimiter, message_max);
    });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    switch (decides.below(4)) {
    case 0:
    case 1: check_reader(decides); break;
    case 2: check_by_length(decides); break;
    default: check_delimited(decides); break;
    }
    return 0;
}
