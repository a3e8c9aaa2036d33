// SPDX-License-Identifier: MIT
//
// Two streams without anything behind them, for the targets of bytes: one gives bytes in pieces that the input chooses,
// the other takes them so, and both fail where the input says so. Neither suspends.
#pragma once

#include <pirn/io/stream.hpp>

#include "support.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

namespace fuzz {

inline std::string_view as_text(pirn::bytes of) noexcept {
    return {reinterpret_cast<const char*>(of.data()), of.size()};
}

// chunk_source: gives `text`, and then its end again and again.
class chunk_source final : public pirn::io::byte_stream {
  public:
    chunk_source(std::string text, choices& decides, std::size_t piece_max, bool fails)
        : text_{std::move(text)}, choices_{&decides}, piece_max_{piece_max}, fails_{fails} {}

    const std::string& text() const noexcept { return text_; }
    // given: bytes so far.
    std::size_t given() const noexcept { return given_; }
    // take_failure: whether it has failed since the last such question.
    bool take_failure() noexcept { return std::exchange(failed_, false); }

  private:
    std::size_t do_read(pirn::mutable_bytes into, std::error_code& error) override {
        error.clear();
        if (fails_ && choices_->one_in(8)) {
            failed_ = true;
            error = std::make_error_code(std::errc::connection_reset);
            return 0;
        }
        const std::size_t room = std::min({into.size(), piece_max_, text_.size() - given_});
        if (room == 0) {
            return 0;
        }
        const std::size_t count = choices_->between(1, room);
        std::memcpy(into.data(), text_.data() + given_, count);
        given_ += count;
        return count;
    }
    std::size_t do_write(pirn::bytes from, std::error_code& error) override {
        error.clear();
        return from.size();
    }
    void do_shutdown_write(std::error_code& error) override { error.clear(); }
    void do_close() noexcept override {}

    std::string text_;
    choices* choices_;
    std::size_t piece_max_;
    std::size_t given_ = 0;
    bool fails_;
    bool failed_ = false;
};

// chunk_sink: keeps what it is given; at its end from the beginning.
class chunk_sink final : public pirn::io::byte_stream {
  public:
    chunk_sink(choices& decides, std::size_t piece_max, bool fails)
        : choices_{&decides}, piece_max_{piece_max}, fails_{fails} {}

    const std::string& text() const noexcept { return text_; }
    bool take_failure() noexcept { return std::exchange(failed_, false); }

  private:
    std::size_t do_read(pirn::mutable_bytes /*into*/, std::error_code& error) override {
        error.clear();
        return 0;
    }
    std::size_t do_write(pirn::bytes from, std::error_code& error) override {
        error.clear();
        if (fails_ && choices_->one_in(8)) {
            failed_ = true;
            error = std::make_error_code(std::errc::connection_reset);
            return 0;
        }
        const std::size_t count = choices_->between(1, std::min(from.size(), piece_max_));
        text_ += as_text(from.first(count));
        return count;
    }
    void do_shutdown_write(std::error_code& error) override { error.clear(); }
    void do_close() noexcept override {}

    std::string text_;
    choices* choices_;
    std::size_t piece_max_;
    bool fails_;
    bool failed_ = false;
};

} // namespace fuzz
