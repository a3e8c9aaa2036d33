// SPDX-License-Identifier: MIT
//
// The laws about the end of a stream, of a wait, and of the patience with misuse.
#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include "io/conformance_laws.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <random>

namespace pirn::io::laws {

// ---- ends

void ends_in_order(law_context& of) {
    write_and_read(
        of,
        [&] {
            of.near.write_all(numbered(0, 100'000));
            end_writing(of, of.near);
        },
        [&] {
            read_numbered(of.far, 100'000);
            expect_end(of.far);
        });
}

void ends_one_direction_alone(law_context& of) {
    of.near.shutdown_write();
    std::error_code error;
    of.near.shutdown_write(error);
    expect_no_error(error, "a second shutdown_write");
    expect_end(of.far);
    expect(of.near.write(numbered(0, 1), error) == 0, "bytes were taken after shutdown_write");
    expect_error(error, std::errc::broken_pipe, "a write after shutdown_write");
    if (of.options.two_way) {
        both([&] { of.far.write_all(numbered(0, 50'000)); },
             [&] { read_numbered(of.near, 50'000); });
        of.far.shutdown_write();
        expect_end(of.near);
    }
}

void wakes_a_reader_with_the_end(law_context& of) {
    auto reader = spawn([&] { expect_end(of.far); });
    yield_now();
    end_writing(of, of.near);
    reader.get();
}

void tells_a_writer_that_nobody_reads_any_more(law_context& of) {
    of.far.close();
    std::error_code error;
    const auto lot = numbered(0, 4096);
    for (int i = 0; i < 100'000 && !error; ++i) {
        of.near.write_all(lot, error);
    }
    if (error != std::errc::connection_reset) {
        expect_error(error, std::errc::broken_pipe, "writing to a peer that has closed");
    }
}

void answers_after_close(law_context& of) {
    std::array<std::byte, 4> buffer{};
    std::error_code error;
    of.near.close();
    of.near.close();
    static_cast<void>(of.near.write(numbered(0, 1), error));
    expect_error(error, std::errc::operation_canceled, "a write after close");
    of.far.close();
    static_cast<void>(of.far.read(buffer, error));
    expect_error(error, std::errc::operation_canceled, "a read after close");
}

void ends_what_is_in_flight_when_closed(law_context& of) {
    auto reader = spawn([&] {
        std::array<std::byte, 4> buffer{};
        std::error_code error;
        static_cast<void>(of.far.read(buffer, error));
        expect_error(error, std::errc::operation_canceled, "a read while its stream is closed");
    });
    yield_now();
    of.far.close();
    reader.get();
}

void ends_a_write_when_closed(law_context& of) {
    auto writer = spawn([&] {
        std::error_code error;
        const auto lot = numbered(0, std::size_t{1} << 20);
        for (int i = 0; i < 64 && !error; ++i) {
            of.near.write_all(lot, error);
        }
        expect_error(error, std::errc::operation_canceled, "a write while its stream is closed");
    });
    for (int i = 0; i < 3; ++i) {
        sleep_for(std::chrono::milliseconds{1});
    }
    of.near.close();
    writer.get();
}

// ---- cancellation

void ends_when_the_task_is_asked_to_stop(law_context& of) {
    auto reader = spawn([&] {
        std::array<std::byte, 4> buffer{};
        std::error_code error;
        expect(of.far.read(buffer, error) == 0, "a cancelled read gave bytes");
        expect_error(error, std::errc::operation_canceled, "a read of a task that is to stop");
        bool thrown = false;
        try {
            of.far.read(buffer);
        } catch (const cancelled&) {
            thrown = true;
        }
        expect(thrown, "the throwing form does not throw `cancelled` again and again");
        expect(of.far.write(bytes{}, error) == 0, "a write of nothing is not 0");
        expect_error(error, std::errc::operation_canceled, "a write of nothing of such a task");
        of.far.write_all(numbered(0, 1), error);
        expect_error(error, std::errc::operation_canceled, "a write of such a task");
    });
    yield_now();
    reader.request_stop();
    reader.get();
    // It is none the worse.
    both([&] { of.near.write_all(numbered(0, 10)); }, [&] { read_numbered(of.far, 10); });
}

// Deadlines at random on both sides; every byte that a call says to have moved has moved, and no other.
void loses_nothing_when_cancelled_at_random(law_context& of) {
    constexpr std::size_t lot = std::size_t{256} << 10;
    const auto impatient = [&](unsigned seed, auto step) {
        std::mt19937 random{seed};
        std::size_t moved = 0;
        while (moved < lot) {
            cancel_scope scope{std::chrono::microseconds{random() % 120}};
            static_cast<void>(scope.run([&] {
                std::error_code error;
                while (!error && moved < lot) {
                    moved += step(moved, 1 + random() % 5000, error);
                }
                if (error != std::errc::operation_canceled) {
                    expect_no_error(error, "in a scope with a deadline");
                }
            }));
            yield_now();
        }
    };
    both(
        [&] {
            impatient(of.options.seed,
                      [&](std::size_t at, std::size_t most, std::error_code& error) {
                          return of.near.write_all(numbered(at, std::min(most, lot - at)), error);
                      });
        },
        [&] {
            std::vector<std::byte> buffer(5000);
            impatient(of.options.seed + 1,
                      [&](std::size_t at, std::size_t most, std::error_code& error) {
                          const std::size_t n = of.far.read(std::span{buffer}.first(most), error);
                          expect(n != 0 || error, "the end came before all bytes");
                          expect_numbered(std::span{buffer}.first(n), at);
                          return n;
                      });
        });
}

// ---- misuse

namespace {

struct complaint {};

void expect_complaint(const char* otherwise, const std::function<void()>& misuse) {
    struct hook {
        hook() : before{set_failure_hook([](const failure&) { throw complaint{}; })} {}
        ~hook() { set_failure_hook(before); }
        failure_hook before;
    };
    bool complained = false;
    try {
        const hook throwing;
        misuse();
    } catch (const complaint&) {
        complained = true;
    }
    expect(complained, otherwise);
}

} // namespace

void reports_misuse(law_context& of) {
    std::array<std::byte, 4> buffer{};
    std::error_code error;
    expect_complaint("a read without room is not reported",
                     [&] { static_cast<void>(of.far.read({}, error)); });
    if (of.options.waits) {
        auto reader = spawn([&] { read_numbered(of.far, 1); });
        yield_now();
        expect_complaint("two readers at once are not reported",
                         [&] { static_cast<void>(of.far.read(buffer, error)); });
        of.near.write_all(numbered(0, 1));
        reader.get();
    }
}

} // namespace pirn::io::laws
