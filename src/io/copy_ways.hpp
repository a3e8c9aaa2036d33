// SPDX-License-Identifier: MIT
//
// The ways of `copy` that have a file of their own. Each returns how many bytes the target has taken.
#pragma once

#include <pirn/io/copy.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/os/handle.hpp>

#include <cstdint>
#include <system_error>

namespace pirn::io::detail {

// copy_by_buffer: through one buffer that lives as long as the copy. Throws std::bad_alloc. Suspends.
std::uint64_t copy_by_buffer(byte_stream& from, byte_stream& to, const copy_options& options,
                             std::error_code& error);

// copy_from_socket: through a small buffer on the stack, and a large one, or a pipe where the kernel may move the bytes to
// `to_socket`, only while much comes. The source is a socket; `to_socket` may be null. Suspends.
std::uint64_t copy_from_socket(byte_stream& from, byte_stream& to, endpoint* to_socket,
                               const copy_options& options, std::error_code& error);

// pipe_user: while one lives, the pipes that are not in use are kept; the last one closes them. Thread-safe.
class pipe_user {
  public:
    pipe_user() noexcept;
    pipe_user(const pipe_user&) = delete;
    pipe_user& operator=(const pipe_user&) = delete;
    ~pipe_user();
};

// borrowed_pipe: an empty pipe, of the few that there are; none when all are in use, or the system has no more. The
// destructor gives it back, or closes it if bytes are still inside.
class borrowed_pipe {
  public:
    borrowed_pipe() noexcept;
    borrowed_pipe(const borrowed_pipe&) = delete;
    borrowed_pipe& operator=(const borrowed_pipe&) = delete;
    ~borrowed_pipe();

    explicit operator bool() const noexcept { return static_cast<bool>(out_); }
    int out() const noexcept { return out_.get(); }
    int in() const noexcept { return in_.get(); }
    // room: how many bytes it holds.
    std::size_t room() const noexcept { return room_; }

    std::size_t inside = 0; // bytes

  private:
    os::handle out_;
    os::handle in_;
    std::size_t room_ = 0;
};

} // namespace pirn::io::detail
