// SPDX-License-Identifier: MIT
//
// A stream over any descriptor that can be waited for: the end of a pipe, a terminal, a character device. And
// pipes themselves. Not for files, which have a place of their own: see file.hpp.
//
//   auto [out, in] = pirn::io::make_pipe();
//   in.write_all("through the kernel");
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/os/handle.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace pirn::io {

// sharing: whether others use what the descriptor stands for, as with the standard streams, which a shell and other
// programs have too. What is shared is left as it is: on epoll a thread of the blocking pool then reads and
// writes it. What is our own is made non-blocking where the backend wants that.
enum class sharing : std::uint8_t { own, shared };

// descriptor_stream: owns its descriptor, and belongs to the runtime that it was made on. Move-only; not to be moved
// while in use. shutdown_write closes the writing end of a pipe, shuts a socket down, and is
// std::errc::not_supported for anything else. Writing to a pipe without a reader is std::errc::broken_pipe. A terminal
// whose other side is closed has ended, which Linux reports as EIO; of anything else that is std::errc::io_error.
class PIRN_EXPORT descriptor_stream final : public byte_stream {
  public:
    // A stream that is not open.
    descriptor_stream() noexcept = default;
    // Adopts a descriptor. Called inside a task. Never suspends.
    explicit descriptor_stream(os::handle&& owned, sharing how = sharing::own);
    descriptor_stream(descriptor_stream&& other) noexcept;
    descriptor_stream& operator=(descriptor_stream&& other) noexcept;
    ~descriptor_stream() override { do_close(); }

    bool is_open() const noexcept { return endpoint_.is_open(); }
    // native_handle: the descriptor, -1 when not open; still owned by the stream. Never suspends.
    int native_handle() const noexcept { return endpoint_.descriptor(); }

  private:
    enum class manner : std::uint8_t { by_loop, by_socket, by_trying, by_pool };

    std::size_t do_read(mutable_bytes into, std::error_code& error) override;
    std::size_t do_write(bytes from, std::error_code& error) override;
    void do_shutdown_write(std::error_code& error) override;
    void do_close() noexcept override;
    detail::endpoint* do_endpoint() const noexcept override { return &endpoint_; }

    bool ended() const noexcept { return ended_.load(std::memory_order_relaxed); }
    // An operation of the loop, after a poll where it might block otherwise; its result. Suspends.
    template <class Operation, class Buffer>
    int perform(detail::direction side, short events, Buffer buffer);

    mutable detail::endpoint endpoint_;
    os::handle second_; // the same once more, where reading and writing wait on one descriptor
    manner manner_ = manner::by_loop;
    std::atomic<bool> ended_{
        false}; // by shutdown_write, and not closed since; set by the task that does either
};

struct pipe_ends {
    descriptor_stream reading;
    descriptor_stream writing;
};

// make_pipe: pipe(2), close-on-exec. Called inside a task. Never suspends.
PIRN_EXPORT pipe_ends make_pipe();
PIRN_EXPORT pipe_ends make_pipe(std::error_code& error);

} // namespace pirn::io
