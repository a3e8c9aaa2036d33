// SPDX-License-Identifier: MIT
//
// memory_pipe and copy, in two ways. One call after the other, by one task, against a model that says of each whether it
// would wait: then its deadline ends it, and nothing has happened. And in the flow: bytes through a pipe with a copy
// at each end, partial writes, failures and cancellation anywhere; no byte is lost that was not in a buffer.
//
// Its planted fault: a write that is short by one byte says that it has written everything.
#include <pirn/io/copy.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include "chunks.hpp"
#include "support.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using fuzz::as_text;
using fuzz::choices;
using fuzz::chunk_sink;
using fuzz::chunk_source;
using fuzz::require;
using fuzz::require_equal;
using pirn::io::memory_stream;
using std::chrono::nanoseconds;

constexpr std::size_t longest = 24; // bytes of a read or a write

std::size_t write_under_test(memory_stream& end, pirn::bytes from, std::error_code& error) {
    const std::size_t count = end.write(from, error);
    if (fuzz::planted && count > 0 && count + 1 == from.size()) {
        return from.size(); // the fault
    }
    return count;
}

// ---- one call after the other

// When a call is made: in peace, so that it may wait until its deadline; when the deadline has passed, which leaves it
// one attempt; when it is cancelled, which leaves it nothing.
enum class pressure : std::uint8_t { none, late, cancelled };

struct side {
    memory_stream end;
    std::string incoming;        // written by the other side, and not read
    bool incoming_ended = false; // the other side writes no more
    bool closed = false;
};

class pipe_model {
  public:
    explicit pipe_model(choices& decides) : choices_{decides}, capacity_{decides.between(1, 20)} {
        auto [near, far] = pirn::io::memory_pipe(capacity_);
        sides_[0].end = std::move(near);
        sides_[1].end = std::move(far);
    }

    void run() {
        for (int step = 0; step < 48 && !choices_.empty(); ++step) {
            const std::size_t which = choices_.below(2);
            one_step(sides_[which], sides_[1 - which]);
            for (const side& each : sides_) {
                require_equal(each.end.available(), each.incoming.size(), "so much can be read");
                require_equal(each.end.is_open(), !each.closed,
                              "an end is open until it is closed");
            }
        }
    }

  private:
    void one_step(side& here, side& there) {
        switch (choices_.below(12)) {
        case 0:
        case 1:
        case 2: write(here, there); break;
        case 3:
        case 4:
        case 5: read(here); break;
        case 6: write_vector(here, there); break;
        case 7: read_vector(here); break;
        case 8: {
            memory_stream moved{std::move(here.end)};
            here.end = std::move(moved);
            break;
        }
        case 9: shut_down(here, there); break;
        case 10:
            if (choices_.one_in(4)) {
                here.end.close();
                here.closed = true;
                there.incoming_ended = true;
            }
            break;
        default: pirn::sleep_for(nanoseconds{1}); break;
        }
    }

    pressure choose_pressure() {
        constexpr std::array table{pressure::none, pressure::none, pressure::late,
                                   pressure::cancelled};
        return table[choices_.below(table.size())];
    }

    // Makes the call under the pressure, in a form that throws nothing.
    template <class Call>
    static std::size_t call(pressure how, Call function) {
        pirn::cancel_scope scope{how == pressure::late ? pirn::now() : pirn::after(nanoseconds{5})};
        if (how == pressure::cancelled) {
            scope.cancel();
        }
        return scope.run(function).value_or(std::size_t{0});
    }

    // The model of both directions: how many bytes, or which error.
    static std::optional<std::errc> refusal(const side& here, pressure how) {
        if (how == pressure::cancelled || here.closed) {
            return std::errc::operation_canceled;
        }
        return {};
    }

    void compare(std::size_t got, const std::error_code& error, std::size_t expected,
                 std::optional<std::errc> refused) {
        if (refused) {
            require(error == *refused, "the call ends with the model's error");
            require_equal(got, std::size_t{0}, "a call that fails has moved no byte");
        } else {
            require(!error, "the call succeeds, as in the model");
            require_equal(got, expected, "as many bytes go as there are, or as fit");
        }
    }

    void expect_write(side& here, side& there, pressure how, std::string_view offered,
                      std::size_t got, const std::error_code& error) {
        auto refused = refusal(here, how);
        const std::size_t room = capacity_ - there.incoming.size();
        if (!refused && (there.incoming_ended || there.closed)) {
            refused = std::errc::broken_pipe;
        } else if (!refused && room == 0) {
            refused = std::errc::operation_canceled; // it waits until its deadline
        }
        const std::size_t expected = std::min(room, offered.size());
        compare(got, error, expected, refused);
        if (!refused) {
            there.incoming += offered.substr(0, expected);
        }
    }

    void expect_read(side& here, pressure how, std::size_t room, std::string_view got,
                     const std::error_code& error) {
        auto refused = refusal(here, how);
        if (!refused && here.incoming.empty() && !here.incoming_ended) {
            refused = std::errc::operation_canceled;
        }
        const std::size_t expected = std::min(room, here.incoming.size());
        compare(got.size(), error, expected, refused);
        require(here.incoming.starts_with(got), "bytes are read as they were written");
        here.incoming.erase(0, got.size());
    }

    std::string some_text() {
        std::string text(choices_.between(1, longest), '\0');
        for (char& each : text) {
            each = static_cast<char>(next_byte_++);
        }
        return text;
    }

    void write(side& here, side& there) {
        const pressure how = choose_pressure();
        const std::string text = some_text();
        std::error_code error;
        const std::size_t got =
            call(how, [&] { return write_under_test(here.end, pirn::bytes{text}, error); });
        expect_write(here, there, how, text, got, error);
    }

    void write_vector(side& here, side& there) {
        const pressure how = choose_pressure();
        const std::string text = some_text();
        const pirn::bytes all{text};
        const std::size_t middle = choices_.below(text.size() + 1);
        const std::array<pirn::bytes, 3> pieces{pirn::bytes{all.first(middle)}, pirn::bytes{},
                                                pirn::bytes{all.subspan(middle)}};
        std::error_code error;
        const std::size_t got = call(how, [&] { return here.end.write_vector(pieces, error); });
        expect_write(here, there, how, text, got, error);
    }

    void read(side& here) {
        const pressure how = choose_pressure();
        std::vector<std::byte> into(choices_.between(1, longest));
        std::error_code error;
        const std::size_t got = call(how, [&] { return here.end.read(into, error); });
        expect_read(here, how, into.size(), as_text(std::span{into}.first(got)), error);
    }

    void read_vector(side& here) {
        const pressure how = choose_pressure();
        std::vector<std::byte> into(choices_.between(1, longest));
        const std::span all{into};
        const std::size_t middle = choices_.below(into.size() + 1);
        const std::array<pirn::mutable_bytes, 2> pieces{pirn::mutable_bytes{all.first(middle)},
                                                        pirn::mutable_bytes{all.subspan(middle)}};
        std::error_code error;
        const std::size_t got = call(how, [&] { return here.end.read_vector(pieces, error); });
        expect_read(here, how, into.size(), as_text(all.first(got)), error);
    }

    void shut_down(side& here, side& there) {
        const pressure how = choose_pressure();
        std::error_code error;
        call(how, [&] {
            here.end.shutdown_write(error);
            return std::size_t{0};
        });
        const auto refused = refusal(here, how);
        require(refused ? error == *refused : !error, "shutdown_write ends as in the model");
        if (how != pressure::cancelled) {
            there.incoming_ended = true;
        }
    }

    choices& choices_;
    std::size_t capacity_;
    std::array<side, 2> sides_;
    unsigned char next_byte_ = 0;
};

// ---- in the flow

struct flow {
    std::uint64_t copied = 0; // by the copy's own account
    std::error_code error;
};

flow copy_under(choices& decides, pirn::io::byte_stream& from, pirn::io::byte_stream& to,
                std::optional<nanoseconds> limit, std::uint64_t most) {
    const pirn::io::copy_options options{.most = most, .buffer = decides.between(1, 32)};
    flow result;
    pirn::cancel_scope scope{limit ? pirn::after(*limit) : pirn::never};
    static_cast<void>(scope.run([&] { result.copied = copy(from, to, options, result.error); }));
    return result;
}

// slow_stream: passes on to another, and sleeps before it now and then.
class slow_stream final : public pirn::io::byte_stream {
  public:
    slow_stream(pirn::io::byte_stream& below, choices& decides)
        : below_{&below}, choices_{&decides} {}

  private:
    // False if the task was cancelled meanwhile.
    bool pause(std::error_code& error) {
        if (choices_->one_in(4)) {
            try {
                pirn::sleep_for(nanoseconds{choices_->below(8)});
            } catch (const pirn::cancelled&) {
                error = std::make_error_code(std::errc::operation_canceled);
                return false;
            }
        }
        return true;
    }
    std::size_t do_read(pirn::mutable_bytes into, std::error_code& error) override {
        return pause(error) ? below_->read(into, error) : 0;
    }
    std::size_t do_write(pirn::bytes from, std::error_code& error) override {
        return pause(error) ? below_->write(from, error) : 0;
    }
    void do_shutdown_write(std::error_code& error) override { error.clear(); }
    void do_close() noexcept override {}

    pirn::io::byte_stream* below_;
    choices* choices_;
};

void check_flow(choices& decides) {
    auto [near, far] = pirn::io::memory_pipe(decides.between(1, 32));
    const bool source_fails = decides.one_in(4);
    const bool sink_fails = decides.one_in(4);
    std::optional<nanoseconds> limit;
    if (decides.one_in(4)) {
        limit = nanoseconds{decides.below(64)};
    }
    const std::uint64_t most = decides.one_in(4) ? decides.below(64) : ~std::uint64_t{0};
    chunk_source source{decides.text(decides.below(96)), decides, decides.between(1, 32),
                        source_fails};
    chunk_sink sink{decides, decides.between(1, 32), sink_fails};
    slow_stream slow_source{source, decides};
    slow_stream slow_sink{sink, decides};

    flow outgoing;
    auto writer = pirn::spawn([&, end = std::move(near)]() mutable {
        outgoing = copy_under(decides, slow_source, end, limit, most);
        end.close();
    });
    const flow incoming = copy_under(decides, far, slow_sink, {}, ~std::uint64_t{0});
    const std::size_t left = far.available();
    far.close();
    writer.join();

    const std::string_view text = source.text();
    require(text.starts_with(sink.text()), "what arrives is the beginning of what was sent");
    require_equal(incoming.copied, std::uint64_t{sink.text().size()},
                  "copy counts what its destination has taken");
    require_equal(bool{incoming.error}, sink.take_failure(), "copy fails if its destination does");
    require(outgoing.copied <= source.given(), "nothing is written that was not read");
    if (!outgoing.error) {
        require_equal(outgoing.copied, std::min<std::uint64_t>(most, text.size()),
                      "copy goes to the end, or to its limit");
        require_equal(outgoing.copied, std::uint64_t{source.given()},
                      "copy reads nothing beyond its limit");
    } else {
        require(source.take_failure() || limit || incoming.error, "there is a cause for an error");
    }
    if (!incoming.error) {
        require_equal(incoming.copied, outgoing.copied, "what was written arrives");
    } else {
        require(incoming.copied + left <= outgoing.copied, "nothing arrives that was not written");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    fuzz::on_a_test_clock([&] {
        if (decides.below(4) != 3) {
            pipe_model{decides}.run();
        } else {
            check_flow(decides);
        }
    });
    return 0;
}
