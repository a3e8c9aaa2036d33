// SPDX-License-Identifier: MIT
//
// Buffers that are lent: the part that is the same on every backend.
#include "loop/buffers.hpp"

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/loop/loop.hpp>

#include "os/memory.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <new>

#include <sys/mman.h>

namespace pirn {

buffer_lease& buffer_lease::operator=(buffer_lease&& other) noexcept {
    if (this != &other) {
        reset();
        pool_ = std::exchange(other.pool_, nullptr);
        index_ = other.index_;
        filled_ = other.filled_;
    }
    return *this;
}

void buffer_lease::reset() noexcept {
    if (detail::buffer_pool* const pool = std::exchange(pool_, nullptr)) {
        pool->put_free(index_);
        if (pool->is_here()) {
            pool->kernel_side.feed(*pool);
        }
    }
}

mutable_bytes buffer_lease::data() const noexcept {
    return pool_ == nullptr ? mutable_bytes{} : mutable_bytes{pool_->at(index_), filled_};
}

buffer_ring::~buffer_ring() {
    if (!pool_->is_here()) {
        os::leave_for_good(pool_.release());
        return;
    }
    PIRN_REQUIRE(pool_->lent() == 0 && pool_->users == 0,
                 "a buffer_ring was destroyed with buffers lent or receives in flight",
                 {"lent", pool_->lent()}, {"receives", pool_->users});
}

unsigned buffer_ring::lent() const noexcept { return pool_->lent(); }

// ---------------------------------------------------------------------------------------------------

namespace detail {

void backend::enrol(buffer_pool& pool) {
    pool.place = pools_.size();
    pools_.push_back(&pool);
}

// The last one takes its place.
void backend::strike(buffer_pool& pool) noexcept {
    pools_.back()->place = pool.place;
    pools_[pool.place] = pools_.back();
    pools_.pop_back();
}

void backend::wait_for_buffer(receive_borrowed_operation& operation) noexcept {
    operation_access::pool(operation).starving.push_back(operation);
    count_starving(operation.descriptor, 1);
}

void backend::wait_no_longer(receive_borrowed_operation& operation) noexcept {
    operation_access::pool(operation).starving.erase(operation);
    count_starving(operation.descriptor, -1);
}

receive_borrowed_operation* backend::next_waiting(buffer_pool& pool) noexcept {
    auto* const first = static_cast<receive_borrowed_operation*>(pool.starving.pop_front());
    if (first != nullptr) {
        count_starving(first->descriptor, -1);
    }
    return first;
}

// count_starving: so that a descriptor by which none waits, as nearly every one that is closed, need not be looked for
// among all that wait.
void backend::count_starving(int descriptor, std::int32_t by) noexcept {
    const auto index = static_cast<std::size_t>(descriptor);
    if (descriptor < 0 || !starving_counted_) {
        return;
    }
    if (index >= starving_on_.size()) {
        try {
            starving_on_.resize(std::max(index + 1, 2 * starving_on_.size()));
        } catch (const std::bad_alloc&) {
            starving_counted_ = false; // all are looked at, from now on
            return;
        }
    }
    starving_on_[index] += by;
}

bool backend::is_starved(int descriptor) const noexcept {
    const auto index = static_cast<std::size_t>(descriptor);
    if (descriptor >= 0 && starving_counted_ &&
        (index >= starving_on_.size() || starving_on_[index] == 0)) {
        return false;
    }
    for (const buffer_pool* const pool : pools_) {
        for (operation* what = pool->starving.front(); what != nullptr;
             what = pool->starving.next(*what)) {
            if (static_cast<receive_borrowed_operation&>(*what).descriptor == descriptor) {
                return true;
            }
        }
    }
    return false;
}

buffer_pool::buffer_pool(backend& serves, const buffer_options& wanted)
    : kernel_side{serves}, options{wanted}, slots(wanted.count) {
    PIRN_REQUIRE(std::has_single_bit(wanted.count) && wanted.count <= 32'768 && wanted.size >= 1 &&
                     wanted.size <= UINT32_MAX / 2,
                 "buffer_options: count must be a power of two up to 32768, and size not 0",
                 {"count", wanted.count}, {"size", wanted.size});
    void* const mapped = ::mmap(nullptr, options.count * options.size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        throw_errno("buffer_ring");
    }
    memory = static_cast<std::byte*>(mapped);
    try {
        kernel_side.enrol(*this);
    } catch (...) {
        os::drop_memory({memory, options.count * options.size});
        throw;
    }
    for (std::uint32_t index = options.count; index-- > 0;) {
        put_free(index);
    }
    kernel_side.attach(*this);
    kernel_side.feed(*this);
}

buffer_pool::~buffer_pool() {
    kernel_side.detach(*this);
    kernel_side.strike(*this);
    os::drop_memory({memory, options.count * options.size});
}

std::uint32_t buffer_pool::take_free() noexcept {
    const std::uint32_t index = free;
    if (index != none) {
        free = slots[index].next;
        --free_count;
    }
    return index;
}

void buffer_pool::put_free(std::uint32_t index) noexcept {
    slots[index].next = std::exchange(free, index);
    ++free_count;
}

void buffer_pool::fill(receive_borrowed_operation& what, std::uint32_t index, int size) noexcept {
    slots[index] = {none, static_cast<std::uint32_t>(size)};
    std::uint32_t& newest = operation_access::newest(what);
    (newest == none ? operation_access::oldest(what) : slots[newest].next) = index;
    newest = index;
}

buffer_pool::received buffer_pool::receive(receive_borrowed_operation& what, int& result) noexcept {
    const std::uint32_t index = take_free();
    if (index == none) {
        return received::no_buffer;
    }
    result = os::receive(what.descriptor, mutable_bytes{at(index), options.size});
    if (result > 0) {
        fill(what, index, result);
        return received::bytes;
    }
    put_free(index);
    return result == -EAGAIN ? received::nothing_there : received::ended;
}

bool buffer_pool::report(receive_borrowed_operation& what) noexcept {
    std::uint32_t& oldest = operation_access::oldest(what);
    if (oldest == none) {
        return false;
    }
    buffer_lease next;
    next.pool_ = this;
    next.index_ = oldest;
    next.filled_ = slots[oldest].filled;
    oldest = slots[oldest].next;
    if (oldest == none) {
        operation_access::newest(what) = none;
    }
    operation_access::set_result(what, static_cast<int>(next.filled_));
    what.lease = std::move(next);
    return true;
}

} // namespace detail
} // namespace pirn
