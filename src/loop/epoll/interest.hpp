// SPDX-License-Identifier: MIT
//
// What the epoll backend knows about each descriptor: who waits for it, and whether it is worth
// asking. A table indexed by descriptor, in chunks that never move, because the queues in an entry
// are rings that point to themselves.
//
// Readiness is remembered, because edge-triggered epoll tells it only once:
//
//                    EAGAIN, or a short receive
//   worth asking ──────────────────────────────► not worth asking (readable = false)
//        ▲                                            │
//        └────────────────── edge ────────────────────┘
//
// A short receive means an empty queue only where nothing else can cut a receive short, which is to
// say on TCP: a datagram ends at its end, and a UNIX stream pauses where descriptors were passed. And
// only while the end of the stream has not been seen: its edge may have been spent already, and no
// other will follow; the next receive has to be tried, or the end would never be told.
#pragma once

#include <pirn/loop/operations.hpp>

#include "loop/backend.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace pirn::detail {

// registration: how epoll watches a descriptor for us.
enum class registration : std::uint8_t {
    none,
    once,   // a foreign descriptor, for one poll operation; taken out when that ends
    always, // one of ours, edge-triggered, until it is released
};

// short_receive: what it means on this socket that fewer bytes came than were asked for.
enum class short_receive : std::uint8_t { unknown, queue_is_empty, says_nothing };

struct interest {
    operation_queue readers;     // accept and receive of any kind, oldest first
    operation_queue writers;     // connect and send
    operation* poller = nullptr; // poll or child, at most one
    // Travels with each event: what was registered before the last change is recognised as stale,
    // which happens when a descriptor is closed while a duplicate of it lives on.
    std::uint32_t generation = 0;
    registration registered = registration::none;
    bool readable = true;
    bool writable = true;
    bool for_files = false; // registered for operations on files, and as long as they wait
    bool ended = false;     // the peer has finished, or there was an error: seen for good
    short_receive after_short = short_receive::unknown;
};

class interest_table {
  public:
    // at: the entry of a valid descriptor, made on first use; null when there is no memory.
    interest* at(int descriptor) noexcept;

    // find: the entry, or null when nothing was ever known. Any number may be asked for.
    interest* find(int descriptor) noexcept;

    // visit_all: calls visit(entry) for every entry that there is.
    template <class Visit>
    void visit_all(Visit visit) {
        for (const std::unique_ptr<chunk>& each : chunks_) {
            if (each != nullptr) {
                for (interest& place : *each) {
                    visit(place);
                }
            }
        }
    }

  private:
    static constexpr std::size_t chunk_size = 128;
    using chunk = std::array<interest, chunk_size>;
    std::vector<std::unique_ptr<chunk>> chunks_;
};

} // namespace pirn::detail
