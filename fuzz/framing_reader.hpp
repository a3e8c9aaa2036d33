// SPDX-License-Identifier: MIT
//
// The reader against a model that sees all bytes at once; and what both halves of framing.cpp share.
#pragma once

#include <pirn/io/reader.hpp>

#include "chunks.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fuzz {

inline constexpr std::array<std::string_view, 6> delimiters{"\n",  "\r\n", "ab",
                                                            "aab", "aa",   "aabaab"};

// Few different bytes, so that delimiters and their beginnings are everywhere.
inline std::string few_letters(choices& decides, std::size_t most) {
    constexpr std::string_view letters = "aaab\r\nxa";
    std::string text = decides.text(decides.below(most + 1));
    for (char& each : text) {
        each = letters[static_cast<unsigned char>(each) % letters.size()];
    }
    return text;
}

// with_retries: makes the call until the stream does not fail in it; no failure is swallowed, and none is made up.
template <class Stream, class Call>
auto with_retries(Stream& stream, std::error_code& error, Call call) {
    for (;;) {
        error.clear();
        auto result = call();
        const bool failed = stream.take_failure();
        require_equal(error == std::errc::connection_reset, failed,
                      "a failure of the stream is the call's");
        if (!failed) {
            return result;
        }
    }
}

// ---- the reader

inline std::optional<std::string_view>
until_under_test(pirn::io::reader& in, std::string_view delimiter, std::error_code& error) {
    if constexpr (!planted) {
        return in.until(delimiter, error);
    } else {
        std::size_t seen = 0;
        for (;;) {
            const std::string_view text = as_text(in.buffered());
            const std::size_t at = text.find(delimiter, seen); // the fault: not from before `seen`
            if (at != std::string_view::npos) {
                in.consume(at + delimiter.size());
                return text.substr(0, at);
            }
            if (text.size() == in.capacity()) {
                error = std::make_error_code(std::errc::message_size);
                return {};
            }
            seen = text.size();
            if (in.peek(seen + 1, error).size() == seen) {
                if (error || seen == 0) {
                    return {};
                }
                const std::string_view last = as_text(in.buffered());
                in.consume(seen);
                return last;
            }
        }
    }
}

class reader_model {
  public:
    reader_model(choices& decides, chunk_source& source, std::size_t capacity)
        : choices_{decides}, source_{source}, in_{source, capacity} {}

    void run() {
        for (int step = 0; step < 40 && !choices_.empty(); ++step) {
            one_step();
            require(taken_ <= source_.given(), "no byte is given before it has come");
            require(as_text(in_.buffered()) == rest().substr(0, source_.given() - taken_),
                    "the buffer holds what has come and was not taken");
        }
    }

  private:
    std::string_view rest() const { return std::string_view{source_.text()}.substr(taken_); }

    void took(std::string_view got, std::string_view sentence) {
        require(rest().starts_with(got), sentence);
        taken_ += got.size();
    }

    void one_step() {
        switch (choices_.below(8)) {
        case 0: until(delimiters[choices_.below(delimiters.size())]); break;
        case 1: read(choices_.between(1, 24)); break;
        case 2: read_exactly(choices_.below(24)); break;
        case 3: peek(choices_.below(in_.capacity() + 1)); break;
        case 4: skip(choices_.below(24)); break;
        case 5: {
            const std::size_t count = choices_.below(in_.buffered().size() + 1);
            in_.consume(count);
            taken_ += count;
            break;
        }
        case 6: line(); break;
        default: until(delimiters[2]); break;
        }
    }

    // What the model says: a message, or nothing, with an error or none; and how many bytes it takes.
    struct answer {
        std::optional<std::string_view> message;
        std::errc error{};
        std::size_t takes = 0;
    };
    answer expected_until(std::string_view delimiter, bool strip) {
        const std::string_view all = rest();
        const std::size_t at = all.find(delimiter);
        std::string_view message = all.substr(0, at);
        if (strip && message.ends_with('\r')) {
            message.remove_suffix(1);
        }
        if (message.size() > in_.capacity()) {
            return {.message = {}, .error = std::errc::message_size};
        }
        if (all.empty()) {
            return {};
        }
        return {.message = message,
                .takes = std::min(all.size(), at == all.npos ? at : at + delimiter.size())};
    }

    void compare_until(std::string_view delimiter, bool strip,
                       const std::optional<std::string_view>& got, const std::error_code& error) {
        const answer expected = expected_until(delimiter, strip);
        require(error == expected.error || (!error && expected.error == std::errc{}),
                "until ends with the model's error");
        require_equal(got.has_value(), expected.message.has_value(),
                      "until finds something if there is");
        if (got) {
            require(*got == *expected.message, "until gives what comes before the delimiter");
            taken_ += expected.takes;
        }
    }

    void until(std::string_view delimiter) {
        std::error_code error;
        const auto got =
            with_retries(source_, error, [&] { return until_under_test(in_, delimiter, error); });
        compare_until(delimiter, false, got, error);
    }

    void line() {
        std::error_code error;
        const auto got = with_retries(source_, error, [&] { return in_.line(error); });
        compare_until("\n", true, got, error);
    }

    void read(std::size_t most) {
        std::vector<std::byte> into(most);
        std::error_code error;
        const std::size_t count =
            with_retries(source_, error, [&] { return in_.read(into, error); });
        require(count <= most && !error, "read gives what fits");
        require_equal(count == 0, rest().empty(), "read gives nothing at the end, and only there");
        took(as_text(std::span{into}.first(count)), "read gives the bytes in their order");
    }

    void read_exactly(std::size_t count) {
        std::vector<std::byte> into(count);
        std::size_t got = 0;
        std::error_code error;
        with_retries(source_, error, [&] {
            // The one call that may have taken bytes when it fails: it goes on with the others.
            const std::size_t more = in_.read_exactly(std::span{into}.subspan(got), error);
            got += more;
            return more;
        });
        require_equal(got, std::min(count, rest().size()), "read_exactly counts what it has read");
        require_equal(error == std::errc::no_message_available, got < count,
                      "read_exactly says so when the stream ends before");
        took(as_text(std::span{into}.first(got)), "read_exactly gives the bytes in their order");
    }

    void peek(std::size_t least) {
        std::error_code error;
        const pirn::bytes got =
            with_retries(source_, error, [&] { return in_.peek(least, error); });
        require(!error && got.size() >= std::min(least, rest().size()), "peek waits for so many");
        require(rest().starts_with(as_text(got)), "peek shows what comes next");
    }

    void skip(std::size_t count) {
        const std::size_t there = std::min(count, rest().size());
        std::size_t skipped = 0;
        std::error_code error;
        with_retries(source_, error, [&] {
            const std::size_t more = in_.skip(count - skipped, error);
            skipped += more;
            return more;
        });
        require_equal(skipped, there, "skip leaves out so many, or what there is");
        taken_ += skipped;
    }

    choices& choices_;
    chunk_source& source_;
    pirn::io::reader in_;
    std::size_t taken_ = 0;
};

} // namespace fuzz
