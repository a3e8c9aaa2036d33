// SPDX-License-Identifier: MIT
//
// Two lanes, one for each direction, each a ring of bytes:
//
//        first ─►┌───┬───────────────┬──────────────┐
//                │   │ count bytes   │    room      │   the writer adds at first + count, the reader takes
//                └───┴───────────────┴──────────────┘   at first, both modulo the capacity
//
// Shared state: everything in a lane, under the lane's mutex, which is held only to copy and to look; the two
// events, which are set by one side when the other may go on. Who waits looks again after each.
#include <pirn/io/memory_pipe.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/sync/event.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

namespace pirn::io {
namespace {

// who: one side of a lane, and what it waits for.
struct who {
    auto_event may_go_on;
    bool inside = false; // a task of this side is in a read or a write
    bool closed = false; // this side has closed its end: it is answered with operation_canceled
    waiter* closer = nullptr; // waits until nobody is inside any more
};

struct lane {
    explicit lane(std::size_t size)
        : ring{std::make_unique_for_overwrite<std::byte[]>(size)}, capacity{size} {}

    std::size_t take(std::span<const mutable_bytes> into) noexcept;
    std::size_t add(std::span<const bytes> from) noexcept;

    std::mutex mutex;
    std::unique_ptr<std::byte[]> ring;
    std::size_t capacity;
    std::size_t first = 0;
    std::size_t count = 0;
    bool ended = false; // nothing more will be written
    who reader;
    who writer;
};

// A piece of the ring that is in one piece of memory, from an offset that counts on from the first byte.
std::span<std::byte> piece(lane& of, std::size_t offset, std::size_t most) noexcept {
    const std::size_t at = (of.first + offset) % of.capacity;
    return {of.ring.get() + at, std::min(most, of.capacity - at)};
}

std::size_t lane::take(std::span<const mutable_bytes> into) noexcept {
    std::size_t taken = 0;
    for (mutable_bytes room : into) {
        while (!room.empty() && count > 0) {
            const auto from = piece(*this, 0, std::min(room.size(), count));
            std::memcpy(room.data(), from.data(), from.size());
            first = (first + from.size()) % capacity;
            count -= from.size();
            taken += from.size();
            room = room.subspan(from.size());
        }
    }
    return taken;
}

std::size_t lane::add(std::span<const bytes> from) noexcept {
    std::size_t added = 0;
    for (bytes left : from) {
        while (!left.empty() && count < capacity) {
            const auto into = piece(*this, count, std::min(left.size(), capacity - count));
            std::memcpy(into.data(), left.data(), into.size());
            count += into.size();
            added += into.size();
            left = left.subspan(into.size());
        }
    }
    return added;
}

// inside: marks a side as being in a call, and tells a closer when it no longer is.
class inside {
  public:
    inside(lane& of, who& side, const char* complaint) : lane_{of}, side_{side} {
        const std::scoped_lock lock{of.mutex};
        PIRN_REQUIRE(!side.inside, complaint);
        side.inside = true;
    }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() {
        waiter* closer = nullptr;
        {
            const std::scoped_lock lock{lane_.mutex};
            side_.inside = false;
            closer = std::exchange(side_.closer, nullptr);
        }
        if (closer != nullptr) {
            unpark(*closer); // after the lock is released: the lane may go with the closer
        }
    }

  private:
    lane& lane_;
    who& side_;
};

// go_on_until: asks `answer` with the mutex held until it has a result, and waits in between; the result, or
// -ECANCELED.
template <class Answer>
int go_on_until(lane& of, who& self, Answer answer) {
    constexpr int nothing_yet = -EAGAIN;
    pirn::detail::give_way();
    for (;;) {
        if (pirn::detail::stop_refuses()) {
            return -ECANCELED;
        }
        {
            const std::scoped_lock lock{of.mutex};
            const int result = self.closed ? -ECANCELED : answer();
            if (result != nothing_yet) {
                return result;
            }
        }
        try {
            self.may_go_on.wait();
        } catch (const cancelled&) {
            return -ECANCELED;
        }
    }
}

// Leaves a lane for good on one side: who is inside ends. Suspends when somebody is.
void leave(lane& of, who& self) noexcept {
    {
        const std::scoped_lock lock{of.mutex};
        self.closed = true;
        if (!self.inside) {
            return;
        }
    }
    waiter ended;
    {
        const std::scoped_lock lock{of.mutex};
        if (!self.inside) {
            return;
        }
        PIRN_REQUIRE(self.closer == nullptr, "a stream was closed by two tasks at once");
        self.closer = &ended;
    }
    self.may_go_on.set();
    park(ended);
}

constexpr std::size_t most_capacity = std::size_t{1} << 30; // results are an int

} // namespace

struct memory_stream::state {
    explicit state(std::size_t capacity) : lanes{lane{capacity}, lane{capacity}} {}

    // What a side reads from, and what it writes to.
    lane& incoming(std::size_t side) noexcept { return lanes[side]; }
    lane& outgoing(std::size_t side) noexcept { return lanes[1 - side]; }

    std::array<lane, 2> lanes;
};

memory_stream& memory_stream::operator=(memory_stream&& other) noexcept {
    if (this != &other) {
        do_close();
        shared_ = std::move(other.shared_);
        side_ = other.side_;
    }
    return *this;
}

memory_stream::state& memory_stream::checked() const {
    PIRN_REQUIRE(shared_ != nullptr, "an operation was started on a stream that is not open");
    return *shared_;
}

bool memory_stream::is_open() const noexcept {
    if (shared_ == nullptr) {
        return false;
    }
    lane& in = shared_->incoming(side_);
    const std::scoped_lock lock{in.mutex};
    return !in.reader.closed;
}

std::size_t memory_stream::available() const noexcept {
    if (shared_ == nullptr) {
        return 0;
    }
    lane& in = shared_->incoming(side_);
    const std::scoped_lock lock{in.mutex};
    return in.count;
}

std::size_t memory_stream::do_read_vector(std::span<const mutable_bytes> into,
                                          std::error_code& error) {
    lane& in = checked().incoming(side_);
    const inside mark{in, in.reader,
                      "two tasks read from the same stream at once; let one of them do it"};
    const int result = go_on_until(in, in.reader, [&] {
        if (const std::size_t taken = in.take(into); taken > 0) {
            return static_cast<int>(taken);
        }
        return in.ended ? 0 : -EAGAIN;
    });
    error = error_of(result);
    if (result <= 0) {
        return 0;
    }
    in.writer.may_go_on.set();
    return static_cast<std::size_t>(result);
}

std::size_t memory_stream::do_write_vector(std::span<const bytes> from, std::error_code& error) {
    lane& out = checked().outgoing(side_);
    const inside mark{out, out.writer,
                      "two tasks write to the same stream at once; let one of them do it"};
    const int result = go_on_until(out, out.writer, [&] {
        if (out.ended || out.reader.closed) {
            return -EPIPE;
        }
        const std::size_t added = out.add(from);
        return added > 0 ? static_cast<int>(added) : -EAGAIN;
    });
    error = error_of(result);
    if (result <= 0) {
        return 0;
    }
    out.reader.may_go_on.set();
    return static_cast<std::size_t>(result);
}

std::size_t memory_stream::do_read(mutable_bytes into, std::error_code& error) {
    return do_read_vector({&into, 1}, error);
}

std::size_t memory_stream::do_write(bytes from, std::error_code& error) {
    return do_write_vector({&from, 1}, error);
}

void memory_stream::do_shutdown_write(std::error_code& error) {
    lane& out = checked().outgoing(side_);
    pirn::detail::give_way();
    if (pirn::detail::stop_refuses()) {
        error = error_of(-ECANCELED);
        return;
    }
    {
        const std::scoped_lock lock{out.mutex};
        error = error_of(out.writer.closed ? -ECANCELED : 0);
        out.ended = true;
    }
    out.reader.may_go_on.set();
    out.writer.may_go_on.set(); // a write that waits is told too
}

void memory_stream::do_close() noexcept {
    if (shared_ == nullptr) {
        return;
    }
    // Kept: another end of this may be moved away by whoever runs while we wait.
    const std::shared_ptr<state> shared = shared_;
    lane& out = shared->outgoing(side_);
    lane& in = shared->incoming(side_);
    leave(out, out.writer);
    leave(in, in.reader);
    {
        const std::scoped_lock lock{out.mutex};
        out.ended = true;
    }
    out.reader.may_go_on.set();
    in.writer.may_go_on.set();
}

memory_stream_pair memory_pipe(std::size_t capacity) {
    PIRN_REQUIRE(capacity > 0 && capacity <= most_capacity,
                 "a memory_pipe has room for 1 byte to 1 GiB", {"capacity", capacity});
    auto shared = std::make_shared<memory_stream::state>(capacity);
    return {memory_stream{shared, 0}, memory_stream{shared, 1}};
}

} // namespace pirn::io
