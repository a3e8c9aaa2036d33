// SPDX-License-Identifier: MIT
//
// A two-way stream within the process: what is written at one end is read at the other. Protocols are tested
// over it without a network, and parts of a program talk through it that would talk through a socket otherwise.
//
//   auto [client, server] = pirn::io::memory_pipe();
//   pirn::spawn([server = std::move(server)]() mutable { serve(server); }).detach();
//   client.write_all("hello");
//
// The two ends may be used on different threads.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/stream.hpp>

#include <cstddef>
#include <memory>

namespace pirn::io {

struct memory_stream_pair;

// memory_stream: one end. Move-only. When the other end is closed, what it has written can still be read, and
// then comes the end; writing is std::errc::broken_pipe.
class PIRN_EXPORT memory_stream final : public byte_stream {
  public:
    // A stream that is not open.
    memory_stream() noexcept = default;
    memory_stream(memory_stream&& other) noexcept = default;
    memory_stream& operator=(memory_stream&& other) noexcept;
    ~memory_stream() override { do_close(); }

    bool is_open() const noexcept;

    // available: bytes that can be read without waiting. Never suspends.
    std::size_t available() const noexcept;

  private:
    friend memory_stream_pair memory_pipe(std::size_t capacity);
    struct state;
    memory_stream(std::shared_ptr<state> shared, std::size_t which) noexcept
        : shared_{std::move(shared)}, side_{which} {}

    std::size_t do_read(mutable_bytes into, std::error_code& error) override;
    std::size_t do_write(bytes from, std::error_code& error) override;
    std::size_t do_read_vector(std::span<const mutable_bytes> into,
                               std::error_code& error) override;
    std::size_t do_write_vector(std::span<const bytes> from, std::error_code& error) override;
    void do_shutdown_write(std::error_code& error) override;
    void do_close() noexcept override;

    state& checked() const;

    std::shared_ptr<state> shared_; // by both ends
    std::size_t side_ = 0;          // which of them this is
};

struct memory_stream_pair {
    memory_stream near;
    memory_stream far;
};

// memory_pipe: the two ends. Each direction holds up to `capacity` bytes, 1 to 1 GiB, before a write waits. Throws
// std::bad_alloc. Never suspends.
PIRN_EXPORT memory_stream_pair memory_pipe(std::size_t capacity = std::size_t{64} * 1024);

} // namespace pirn::io
