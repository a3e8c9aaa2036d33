// SPDX-License-Identifier: MIT
//
// The laws about bytes that arrive, and what all laws are written with.
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/conformance_laws.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace pirn::io::laws {

void expect(bool holds, const char* otherwise) {
    if (!holds) {
        throw broken{otherwise};
    }
}

void expect_error(const std::error_code& error, std::errc wanted, const char* what) {
    if (error != wanted) {
        throw broken{std::string{what} + ": expected \"" + std::make_error_code(wanted).message() +
                     "\", got \"" + (error ? error.message() : "no error") + '"'};
    }
}

void expect_no_error(const std::error_code& error, const char* what) {
    if (error) {
        throw broken{std::string{what} + ": " + error.message()};
    }
}

namespace {

std::byte byte_at(std::size_t offset) noexcept {
    const auto n = static_cast<std::uint64_t>(offset) * 0x9e3779b97f4a7c15U;
    return static_cast<std::byte>(n >> 56);
}

} // namespace

std::vector<std::byte> numbered(std::size_t from, std::size_t count) {
    std::vector<std::byte> made(count);
    for (std::size_t i = 0; i < count; ++i) {
        made[i] = byte_at(from + i);
    }
    return made;
}

void expect_numbered(std::span<const std::byte> got, std::size_t from) {
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (got[i] != byte_at(from + i)) {
            throw broken{"byte " + std::to_string(from + i) + " is not what was written there"};
        }
    }
}

void read_numbered(byte_stream& from, std::size_t count, std::size_t begin) {
    std::vector<std::byte> buffer(9973);
    for (std::size_t got = 0; got < count;) {
        const std::size_t most = std::min({count - got, 1 + (got * 7) % 9973, buffer.size()});
        const std::size_t n = from.read(std::span{buffer}.first(most));
        expect(n != 0, "the end came before all bytes that were written");
        expect(n <= most, "read says that it gave more than there was room for");
        expect_numbered(std::span{buffer}.first(n), begin + got);
        got += n;
    }
}

void expect_end(byte_stream& of) {
    std::array<std::byte, 16> buffer{};
    std::error_code error;
    for (int again = 0; again < 2; ++again) {
        expect(of.read(buffer, error) == 0 && !error,
               "the end is not a read of 0, again and again");
    }
}

void end_writing(law_context& of, byte_stream& stream) {
    if (of.options.half_close) {
        stream.shutdown_write();
    } else {
        stream.close();
    }
}

// ---- carrying bytes

void carries_bytes(law_context& of) {
    constexpr std::size_t lot = std::size_t{1} << 20;
    const auto one_way = [&](byte_stream& from, byte_stream& to) {
        write_and_read(
            of, [&] { from.write_all(numbered(0, lot)); }, [&] { read_numbered(to, lot); });
    };
    one_way(of.near, of.far);
    if (of.options.two_way) {
        one_way(of.far, of.near);
        both([&] { one_way(of.near, of.far); }, [&] { one_way(of.far, of.near); });
    }
}

void carries_single_bytes(law_context& of) {
    for (std::size_t i = 0; i < 300; ++i) {
        of.near.write_all(numbered(i, 1));
        if (of.options.waits) {
            read_numbered(of.far, 1, i);
        }
    }
    if (!of.options.waits) {
        read_numbered(of.far, 300);
    }
}

void does_not_wait_for_a_full_buffer(law_context& of) {
    const auto read_them = [&] {
        std::array<std::byte, 4096> buffer{};
        std::size_t got = 0;
        while (got < 5) {
            const std::size_t n = of.far.read(std::span{buffer}.subspan(got));
            expect(n != 0, "the end came before all bytes that were written");
            got += n;
        }
        expect(got == 5, "there are more bytes than were written");
        expect_numbered(std::span{buffer}.first(got), 0);
    };
    write_and_read(of, [&] { of.near.write_all(numbered(0, 5)); }, read_them);
}

void waits_for_bytes(law_context& of) {
    auto reader = spawn([&] { read_numbered(of.far, 100); });
    for (int i = 0; i < 3; ++i) {
        yield_now();
    }
    expect(!reader.done(), "a read ended before anything was written");
    of.near.write_all(numbered(0, 100));
    reader.get();
}

void takes_several_pieces(law_context& of) {
    std::vector<std::vector<std::byte>> owners;
    std::vector<bytes> pieces;
    std::size_t size = 0;
    for (const std::size_t each : {0U, 1U, 1000U, 0U, 7U, 4096U, 30000U, 1U, 0U}) {
        for (int again = 0; again < 3; ++again) {
            owners.push_back(numbered(size, each));
            pieces.emplace_back(owners.back());
            size += each;
        }
    }
    std::error_code error;
    expect(of.near.write_vector(std::span{pieces}.first(1), error) == 0 && !error,
           "writing pieces without bytes is not 0");
    write_and_read(
        of,
        [&] {
            std::error_code wrong;
            expect(of.near.write_all_vector(pieces, wrong) == size, "not all was written");
            expect_no_error(wrong, "write_all_vector");
        },
        [&] {
            std::array<std::byte, 10> small{};
            std::array<std::byte, 700> large{};
            const std::array<mutable_bytes, 3> into{mutable_bytes{}, small, large};
            for (std::size_t got = 0; got < size;) {
                const std::size_t n = of.far.read_vector(into);
                expect(n != 0, "the end came before all bytes that were written");
                const std::size_t in_small = std::min(n, small.size());
                expect_numbered(std::span{small}.first(in_small), got);
                expect_numbered(std::span{large}.first(n - in_small), got + in_small);
                got += n;
            }
        });
}

void writes_nothing_at_once(law_context& of) {
    std::error_code error;
    expect(of.near.write(bytes{}, error) == 0 && !error, "a write of nothing is not 0");
    of.near.write_all(bytes{});
    of.near.write_all(numbered(0, 1));
    read_numbered(of.far, 1);
}

// A stream that takes everything from a writer whom nobody reads grows without a limit.
void stops_taking_when_nobody_reads(law_context& of) {
    constexpr std::size_t most = std::size_t{64} << 20;
    std::size_t written = 0;
    auto writer = spawn([&] {
        std::error_code error;
        while (!error && written < most) {
            const auto lot = numbered(written, std::size_t{1} << 16);
            written += of.near.write_all(lot, error);
        }
        expect_error(error, std::errc::operation_canceled, "a write that nobody reads");
    });
    std::size_t before = most;
    while (written != before && written < most) { // until it makes no progress any more
        before = written;
        sleep_for(std::chrono::milliseconds{20});
    }
    writer.request_stop();
    writer.get();
    // What the cancelled write says to have written is exactly what arrives.
    both([&] { of.near.write_all(numbered(written, 10)); },
         [&] { read_numbered(of.far, written + 10); });
}

} // namespace pirn::io::laws
