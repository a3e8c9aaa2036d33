// SPDX-License-Identifier: MIT
//
// The io_uring backend: receiving into buffers that are lent. The kernel takes a buffer from a ring that it
// shares with us (IORING_REGISTER_PBUF_RING, Linux 5.19), when the bytes are there, and goes on by itself
// (multishot, Linux 6.0). Where it knows neither, and where it has no buffer left, it is asked for
// readability only, and we receive: what waits in `starving` has something to read, so that a buffer that
// comes back is not offered in vain to a thousand that are silent.
//
//               kernel has buffers                             kernel has none
//   armed: ──► recv, by the kernel ──(-ENOBUFS)──► arm ──► poll ──(readable)──► pull
//                    ▲                              ▲                            │ │
//                    └── a buffer is there ─────────┴──── nothing there ─────────┘ └──► starving, no buffer
#include "loop/buffers.hpp"

#include "loop/uring/uring.hpp"
#include "os/memory.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace pirn::detail {
namespace {

using received = buffer_pool::received;

std::size_t ring_size(const buffer_pool& pool) noexcept {
    return pool.options.count * sizeof(io_uring_buf);
}

} // namespace

// Without a ring all receives are our own. Receiving many came with IORING_OP_SEND_ZC, in Linux 6.0, and
// has no number of its own.
void uring_backend::attach(buffer_pool& pool) noexcept {
    if (!ring_.requests().knows(IORING_OP_SEND_ZC)) {
        return;
    }
    void* const mapped = ::mmap(nullptr, ring_size(pool), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return;
    }
    pool.group = next_group_++;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(mapped);
    registration.ring_entries = pool.options.count;
    registration.bgid = static_cast<std::uint16_t>(pool.group);
    if (io_uring_register_buf_ring(&ring_.raw(), &registration, 0) != 0) {
        os::drop_memory({static_cast<std::byte*>(mapped), ring_size(pool)});
        return;
    }
    pool.ring = mapped;
    io_uring_buf_ring_init(static_cast<io_uring_buf_ring*>(mapped));
}

void uring_backend::detach(buffer_pool& pool) noexcept {
    if (pool.ring != nullptr) {
        io_uring_unregister_buf_ring(&ring_.raw(), pool.group);
        os::drop_memory({static_cast<std::byte*>(pool.ring), ring_size(pool)});
    }
}

// offer: lets the kernel have what is free.
void uring_backend::offer(buffer_pool& pool) noexcept {
    if (pool.ring == nullptr || pool.free == buffer_pool::none) {
        return;
    }
    auto* const ring = static_cast<io_uring_buf_ring*>(pool.ring);
    const int mask = io_uring_buf_ring_mask(pool.options.count);
    int count = 0;
    for (std::uint32_t index = pool.take_free(); index != buffer_pool::none;
         index = pool.take_free()) {
        io_uring_buf_ring_add(ring, pool.at(index), static_cast<unsigned>(pool.options.size),
                              static_cast<std::uint16_t>(index), mask, count++);
    }
    io_uring_buf_ring_advance(ring, count);
    pool.kernel += static_cast<unsigned>(count);
}

void uring_backend::feed(buffer_pool& pool) noexcept {
    while (pool.free != buffer_pool::none) {
        receive_borrowed_operation* const what = next_waiting(pool);
        if (what == nullptr) {
            break;
        }
        operation_access::flags(*what) &= static_cast<std::uint8_t>(~many_flag::starves);
        int result = 0;
        switch (pool.receive(*what, result)) {
        case received::bytes:
            if (what->how_often == shots::one) {
                end(*what, result);
            } else {
                report(*what);
                starve(*what); // until the next one comes back
            }
            break;
        case received::ended: complete_last(*what, result); break;
        default: // asked for readability, as the buffer may be gone before it is asked for bytes
            operation_access::flags(*what) |= many_flag::by_poll;
            retry(*what);
        }
    }
    offer(pool);
}

// starve: waits for a buffer. Some are lent, or it would have one.
void uring_backend::starve(receive_borrowed_operation& what) noexcept {
    operation_access::flags(what) |= many_flag::starves;
    wait_for_buffer(what);
}

// choose_way: the better of the two ways that there are now.
void uring_backend::choose_way(receive_borrowed_operation& operation) noexcept {
    std::uint8_t& flags = operation_access::flags(operation);
    flags &= static_cast<std::uint8_t>(~many_flag::by_poll);
    if (operation_access::pool(operation).kernel == 0) {
        flags |= many_flag::by_poll;
    }
}

// arm_again: the kernel is to go on.
void uring_backend::arm_again(receive_borrowed_operation& what) noexcept {
    choose_way(what);
    waiting_.push_back(what);
}

void uring_backend::complete_borrowed(receive_borrowed_operation& what,
                                      const io_uring_cqe& completion) noexcept {
    buffer_pool& pool = operation_access::pool(what);
    const int result = completion.res;
    if ((operation_access::flags(what) & many_flag::by_poll) != 0) {
        if (result < 0) {
            complete_last(what, result);
        } else {
            pull(what);
        }
        return;
    }
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
        const std::uint32_t index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
        --pool.kernel;
        if (result > 0) {
            pool.fill(what, index, result);
        } else {
            pool.put_free(index);
            feed(pool);
        }
    }
    if (result > 0 && what.how_often == shots::one) {
        end(what, result);
        return;
    }
    if (result > 0) {
        report(what);
    }
    if ((completion.flags & IORING_CQE_F_MORE) != 0) {
        return;
    }
    if (result > 0 || result == -ENOBUFS) {
        if (what.state() == operation_state::in_flight) {
            arm_again(what);
        } else {
            complete_last(what, -ECANCELED);
        }
    } else {
        complete_last(what, result);
    }
}

// pull: receives what is there.
void uring_backend::pull(receive_borrowed_operation& what) noexcept {
    for (int i = 0; i < buffer_pool::receives_max; ++i) {
        int result = 0;
        switch (operation_access::pool(what).receive(what, result)) {
        case received::bytes:
            if (what.how_often == shots::one) {
                end(what, result);
                return;
            }
            report(what);
            break;
        case received::ended: complete_last(what, result); return;
        case received::no_buffer:
            // The kernel may have some, which are as good.
            // What is cancelled waits for none: its cancel request has met a poll that had ended.
            if (operation_access::pool(what).kernel == 0 &&
                what.state() == operation_state::in_flight) {
                starve(what);
                return;
            }
            [[fallthrough]];
        case received::nothing_there:
            if (what.state() == operation_state::in_flight) {
                arm_again(what);
            } else {
                complete_last(what, -ECANCELED);
            }
            return;
        }
    }
    operation_access::flags(what) |= many_flag::stalled;
}

void uring_backend::resume(multishot_operation& what) noexcept {
    std::uint8_t& flags = operation_access::flags(what);
    if (what.kind() == operation_kind::receive_borrowed && (flags & many_flag::stalled) != 0) {
        flags &= static_cast<std::uint8_t>(~many_flag::stalled);
        if (refusal() != 0) {
            complete_last(what, end_of_refused(what));
            return;
        }
        pull(static_cast<receive_borrowed_operation&>(what));
    }
}

} // namespace pirn::detail
