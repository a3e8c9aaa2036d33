// SPDX-License-Identifier: MIT
//
// The epoll backend: operations that report several times. Such a one stays among the readers of its
// descriptor, and is served until the kernel has nothing more, or until it has enough for a turn:
//
//                       an edge
//   waits, not ready ────────────► served ──► nothing more ──► waits, not ready
//                                    │ │
//                       enough ◄─────┘ └────► no buffer: starves, among those of its ring
//                         │ its reports are delivered           │ a buffer comes back
//                         └──────────────► served ◄─────────────┘
#include "loop/buffers.hpp"
#include "loop/epoll/epoll.hpp"
#include "loop/epoll/perform.hpp"
#include "os/socket.hpp"

#include <cerrno>

namespace pirn::detail {
namespace {

using epoll_flag::stalled;
using epoll_flag::starves;
using epoll_flag::unasked;

std::uint8_t without(std::uint8_t flags, std::uint8_t bit) noexcept {
    return static_cast<std::uint8_t>(flags & ~bit);
}

// receive_once: the attempt of an operation that reports once; -ECANCELED when nothing is there.
int receive_once(multishot_operation& operation) noexcept {
    if (operation.kind() != operation_kind::receive_borrowed) {
        return -ECANCELED;
    }
    auto& receive = static_cast<receive_borrowed_operation&>(operation);
    if (receive.how_often != shots::one) {
        return -ECANCELED;
    }
    int result = 0;
    switch (operation_access::pool(receive).receive(receive, result)) {
    case buffer_pool::received::bytes:
    case buffer_pool::received::ended: return result;
    default: return -ECANCELED;
    }
}

} // namespace

void epoll_backend::submit_many(multishot_operation& what) noexcept {
    const int descriptor = descriptor_of(what);
    interest* const place = descriptor < 0 ? nullptr : table_.at(descriptor);
    if (place == nullptr) {
        end(what, descriptor < 0 ? -EBADF : -ENOMEM);
        return;
    }
    go_on(*place, what);
}

void epoll_backend::cancel_many(multishot_operation& what) noexcept {
    int result = -ECANCELED;
    if ((operation_access::flags(what) & starves) != 0) {
        wait_no_longer(static_cast<receive_borrowed_operation&>(what));
    } else {
        interest& place = *table_.find(descriptor_of(what));
        if (owes_attempt(place, what)) {
            result = receive_once(what);
        }
        stop_waiting(place, what);
        place.readable = true; // as in cancel
    }
    end(what, result);
}

void epoll_backend::resume(multishot_operation& what) noexcept {
    std::uint8_t& flags = operation_access::flags(what);
    if ((flags & stalled) != 0) {
        flags = without(flags, stalled);
        interest& place = *table_.find(descriptor_of(what));
        if (place.readable && place.readers.front() == &what) {
            serve_many(place, what);
        }
    }
}

void epoll_backend::feed(buffer_pool& pool) noexcept {
    while (pool.free != buffer_pool::none) {
        receive_borrowed_operation* const what = next_waiting(pool);
        if (what == nullptr) {
            return;
        }
        std::uint8_t& flags = operation_access::flags(*what);
        flags = without(flags, starves);
        go_on(*table_.find(what->descriptor), *what);
    }
}

// go_on: among the readers, and served if there is nobody before it.
void epoll_backend::go_on(interest& place, multishot_operation& what) noexcept {
    place.readers.push_back(what);
    ++waiting_;
    if (place.readers.front() != &what) {
        return;
    }
    if (place.readable) {
        serve_many(place, what);
    } else {
        operation_access::flags(what) |= unasked;
    }
}

void epoll_backend::stop_waiting(interest& place, multishot_operation& what) noexcept {
    place.readers.erase(what);
    --waiting_;
}

// serve_many: takes what the kernel has. Afterwards it waits for an edge, or is stalled, or is not among
// the readers any more.
void epoll_backend::serve_many(interest& place, multishot_operation& what) noexcept {
    using received = buffer_pool::received;
    const bool accepts = what.kind() == operation_kind::accept_many;
    for (int i = 0;; ++i) {
        received how = received::bytes;
        int result = 0;
        if (accepts) {
            auto& accept = static_cast<accept_many_operation&>(what);
            if (!operation_access::has_room(accept)) {
                break;
            }
            result = os::accept(accept.descriptor, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (result >= 0) {
                operation_access::put_accepted(accept, result);
            } else {
                how = result == -EAGAIN ? received::nothing_there : received::ended;
            }
        } else {
            if (i == buffer_pool::receives_max) {
                break;
            }
            auto& receive = static_cast<receive_borrowed_operation&>(what);
            how = operation_access::pool(receive).receive(receive, result);
        }
        if (how == received::bytes) {
            if (!accepts &&
                static_cast<receive_borrowed_operation&>(what).how_often == shots::one) {
                how = received::ended;
            } else {
                report(what);
                continue;
            }
        }
        if (how == received::nothing_there) {
            place.readable = false;
            // The first to wait on this descriptor: an edge that is there already is told at once.
            result = refusal() != 0 ? refusal()
                     : place.registered == registration::always
                         ? 0
                         : watch(place, descriptor_of(what), registration::always, every_edge);
            if (result == 0) {
                return;
            }
        }
        stop_waiting(place, what);
        if (how == received::no_buffer) {
            operation_access::flags(what) |= starves;
            wait_for_buffer(static_cast<receive_borrowed_operation&>(what));
        } else {
            end(what, result);
        }
        return;
    }
    operation_access::flags(what) |= stalled;
}

} // namespace pirn::detail
