// SPDX-License-Identifier: MIT
//
// Buffers that are lent: many connections share a ring of them, and one is taken only when bytes have come,
// so that a connection that is silent holds none.
//
//                     bytes have come                  the lease is dropped
//   in the ring ──────────────────────► lent (a lease) ──────────────────────► in the ring
//
// When all are lent, receives wait, and the peers wait with them; each buffer that comes back serves the
// one that has waited longest. Nothing is lost, and nothing spins.
//
// Everything here belongs to the loop's thread.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/loop/multishot.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace pirn {

class loop;

namespace detail {
struct buffer_pool;
}

struct buffer_options {
    unsigned count = 256;    // buffers, a power of two, 1 to 32768
    std::size_t size = 4096; // bytes each, at least 1
};

// buffer_lease: one buffer, filled, until this is dropped. Moving leaves the source with none.
class PIRN_EXPORT buffer_lease {
  public:
    buffer_lease() noexcept = default;
    buffer_lease(buffer_lease&& other) noexcept
        : pool_{std::exchange(other.pool_, nullptr)}, index_{other.index_}, filled_{other.filled_} {
    }
    buffer_lease& operator=(buffer_lease&& other) noexcept;
    ~buffer_lease() { reset(); }

    // reset: gives the buffer back; it may be filled again at once. Never suspends.
    void reset() noexcept;

    // data: what has come; writable, as nobody else looks at it. Never suspends.
    mutable_bytes data() const noexcept;
    explicit operator bool() const noexcept { return pool_ != nullptr; }

  private:
    friend struct detail::buffer_pool;
    detail::buffer_pool* pool_ = nullptr;
    std::uint32_t index_ = 0;
    std::uint32_t filled_ = 0; // bytes
};

class PIRN_EXPORT buffer_ring {
  public:
    // Throws std::system_error or std::bad_alloc when there is no memory.
    explicit buffer_ring(loop& serves, const buffer_options& options = {});
    buffer_ring(const buffer_ring&) = delete;
    buffer_ring& operator=(const buffer_ring&) = delete;
    // No lease and no receive into it is alive; the loop is. In a child process after fork nothing is asked.
    ~buffer_ring();

    // lent: buffers that are out: with somebody, or filled and about to be reported. Never suspends.
    unsigned lent() const noexcept;

  private:
    friend class receive_borrowed_operation;
    std::unique_ptr<detail::buffer_pool> pool_;
};

// shots: how often a receive_borrowed_operation reports.
enum class shots : std::uint8_t { one, many };

// receive_borrowed_operation: a receive whose buffer comes from a ring when bytes have come. A report has
// the number of bytes, and `lease` holds them; what the completion does not move out of it goes back when
// it returns, or with the last report when the operation is submitted again or destroyed. With shots::many
// it goes on until the end of the stream (0), an error, or a cancellation; with shots::one it ends with
// the first report. One receive of any kind per descriptor at a time. 96 bytes on a 64-bit machine.
class receive_borrowed_operation : public multishot_operation {
  public:
    receive_borrowed_operation(int socket, buffer_ring& from, shots often, completion done) noexcept
        : multishot_operation{operation_kind::receive_borrowed, done}, descriptor{socket},
          how_often{often}, pool_{from.pool_.get()} {}

    int descriptor;
    shots how_often;
    buffer_lease lease;

  private:
    friend struct detail::operation_access;
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    detail::buffer_pool* pool_;
    std::uint32_t oldest_ = none; // a queue of filled buffers, through the pool's slots
    std::uint32_t newest_ = none;
};

} // namespace pirn
