// SPDX-License-Identifier: MIT
//
// The laws of a byte_stream, one function each, and what they are written with. A law that does not hold throws
// `broken` with what happened instead. Bytes are told apart by where they stand: the byte at offset n has a
// value that only n decides.
#pragma once

#include <pirn/io/conformance.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/scope/task_group.hpp>

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace pirn::io::laws {

struct broken : std::exception {
    explicit broken(std::string what) : how{std::move(what)} {}
    const char* what() const noexcept override { return how.c_str(); }
    std::string how;
};

struct law_context {
    byte_stream& near;
    byte_stream& far;
    const conformance_options& options;
};

// expect, expect_error, expect_no_error: throw `broken` unless it is so. Never suspend.
void expect(bool holds, const char* otherwise);
void expect_error(const std::error_code& error, std::errc wanted, const char* what);
void expect_no_error(const std::error_code& error, const char* what);

// numbered: the bytes that stand at these offsets. Never suspends.
std::vector<std::byte> numbered(std::size_t from, std::size_t count);
void expect_numbered(std::span<const std::byte> got, std::size_t from);

// read_numbered: reads so many numbered bytes in pieces of odd sizes. Suspends.
void read_numbered(byte_stream& from, std::size_t count, std::size_t begin = 0);

// expect_end: reads the end, twice. Suspends.
void expect_end(byte_stream& of);

// end_writing: so that the peer reads the end. Suspends.
void end_writing(law_context& of, byte_stream& stream);

// both: does both at once; what either throws comes out, whichever comes first. Suspends.
template <class First, class Second>
void both(First first, Second second) {
    task_group group;
    group.spawn(std::move(first));
    group.spawn(std::move(second));
    group.wait();
}

// write_and_read: both at once; one after the other where a reader does not wait for what will be written. Suspends.
template <class Write, class Read>
void write_and_read(const law_context& of, Write write, Read read) {
    if (of.options.waits) {
        both(std::move(write), std::move(read));
    } else {
        write();
        read();
    }
}

void carries_bytes(law_context& of);
void carries_single_bytes(law_context& of);
void does_not_wait_for_a_full_buffer(law_context& of);
void waits_for_bytes(law_context& of);
void takes_several_pieces(law_context& of);
void writes_nothing_at_once(law_context& of);
void stops_taking_when_nobody_reads(law_context& of);
void ends_in_order(law_context& of);
void ends_one_direction_alone(law_context& of);
void wakes_a_reader_with_the_end(law_context& of);
void tells_a_writer_that_nobody_reads_any_more(law_context& of);
void answers_after_close(law_context& of);
void ends_what_is_in_flight_when_closed(law_context& of);
void ends_a_write_when_closed(law_context& of);
void ends_when_the_task_is_asked_to_stop(law_context& of);
void loses_nothing_when_cancelled_at_random(law_context& of);
void reports_misuse(law_context& of);

} // namespace pirn::io::laws
