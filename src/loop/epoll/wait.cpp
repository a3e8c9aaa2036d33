// SPDX-License-Identifier: MIT
//
// The epoll backend: waiting for edges, and serving those who waited for them.
#include <pirn/base/error.hpp>

#include "loop/buffers.hpp"
#include "loop/epoll/epoll.hpp"
#include "loop/epoll/perform.hpp"
#include "loop/epoll/tag.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <utility>

#include <sys/epoll.h>

namespace pirn::detail {
namespace {

// Events taken per call. What does not fit stays in the kernel for the next turn.
constexpr int events_max = 256;

// A longer wait is done in parts: 32-bit machines count no more than 68 years of seconds.
constexpr duration longest_wait = std::chrono::hours{24 * 365};

// Rounded up: to wake a millisecond late is allowed, early is not.
int milliseconds_up(duration rest) noexcept {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(rest).count();
    return static_cast<int>(std::min<std::int64_t>(whole, INT_MAX));
}

} // namespace

bool epoll_backend::poll(time_point until) {
    if (refusal() != 0) {
        return wakeup_.wait(nothing_finished() ? until : time_point::min());
    }
    bool woken = wakeup_.consume();
    const bool wait = !woken && until != time_point::min() && nothing_finished();
    if (!wait && waiting_ == 0 && !embedded_) {
        return woken; // nobody to serve
    }
    std::array<epoll_event, events_max> events;
    const int count = wait_for_edges(events.data(), events_max, wait ? until : time_point::min());
    if (count < 0) {
        throw_error(error_of(count), "epoll_wait");
    }
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const std::uint64_t tag = event.data.u64;
        if (tag == wake_tag) {
            woken |= wakeup_.consume();
            continue;
        }
        interest* const place = table_.find(descriptor_in(tag));
        if (place != nullptr && place->generation == generation_in(tag)) {
            serve(*place, descriptor_in(tag), event.events);
        }
    }
    return woken;
}

// give_up: nothing is with the kernel here; those who wait for an edge have waited in vain.
void epoll_backend::give_up(int refusal) noexcept {
    set_refusal(refusal);
    operation_queue all;
    table_.visit_all([&all](interest& place) {
        all.take_all(place.readers);
        all.take_all(place.writers);
        if (place.poller != nullptr) {
            detail::forget(*place.poller);
            all.push_back(*std::exchange(place.poller, nullptr));
        }
        place.readable = place.writable = true;
    });
    for (buffer_pool* const pool : pools()) {
        while (operation* const starving = next_waiting(*pool)) {
            all.push_back(*starving);
        }
    }
    waiting_ = 0;
    while (operation* const what = all.pop_front()) {
        if (is_multishot(what->kind())) {
            end(static_cast<multishot_operation&>(*what), end_of_refused(*what));
        } else {
            finish(*what, end_of_refused(*what));
        }
    }
}

// wait_for_edges: how many events came, 0 also after a signal, or a negative errno.
int epoll_backend::wait_for_edges(epoll_event* events, int room, time_point until) noexcept {
    int count = 0;
    if (until == time_point::min()) {
        count = ::epoll_wait(epoll_.get(), events, room, 0);
    } else if (until == never) {
        count = ::epoll_wait(epoll_.get(), events, room, -1);
    } else {
        const duration rest = std::clamp(until - clock::now(), duration::zero(), longest_wait);
        count = -1;
        errno = ENOSYS;
        if (has_nanoseconds_) {
            const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
            timespec timeout{}; // whose members are of another type on each machine
            timeout.tv_sec = static_cast<decltype(timeout.tv_sec)>(seconds.count());
            timeout.tv_nsec = static_cast<decltype(timeout.tv_nsec)>((rest - seconds).count());
            count = ::epoll_pwait2(epoll_.get(), events, room, &timeout, nullptr);
        }
        // Linux 5.10 and older do not have it, and a container's filter that does not know it says
        // EPERM.
        if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
            has_nanoseconds_ = false;
            count = ::epoll_wait(epoll_.get(), events, room, milliseconds_up(rest));
        }
    }
    if (count < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    return count;
}

void epoll_backend::serve(interest& place, int descriptor, std::uint32_t events) noexcept {
    constexpr std::uint32_t over = EPOLLERR | EPOLLHUP;
    if (place.registered == registration::always) {
        place.readable |= (events & (EPOLLIN | EPOLLRDHUP | over)) != 0;
        place.writable |= (events & (EPOLLOUT | over)) != 0;
        place.ended |= (events & (EPOLLRDHUP | over)) != 0;
        if ((events & EPOLLPRI) != 0) {
            place.after_short = short_receive::says_nothing; // a receive stops at urgent data
        }
        serve_queue(place, place.readers, place.readable);
        serve_queue(place, place.writers, place.writable);
    }
    if (place.poller != nullptr) {
        serve_poll(place, events);
    }
    settle(place, descriptor);
}

// serve_queue: tries whoever waits, oldest first, until the kernel would have to wait again.
void epoll_backend::serve_queue(interest& place, operation_queue& queue, bool& ready) noexcept {
    while (ready && !queue.empty()) {
        operation& first = *queue.front();
        if (is_multishot(first.kind())) {
            serve_many(place, static_cast<multishot_operation&>(first));
            if (queue.front() == &first) {
                return;
            }
            continue;
        }
        const std::optional<int> answer = perform(first);
        if (!answer) {
            if (first.kind() == operation_kind::splice &&
                reads(first) != (&queue == &place.readers)) {
                move_to_other_end(queue, first);
                continue;
            }
            ready = false;
            return;
        }
        queue.pop_front();
        --waiting_;
        learn(place, first, *answer);
        finish(first, *answer);
    }
}

// move_to_other_end: a splice whose one end is ready now waits for the other.
void epoll_backend::move_to_other_end(operation_queue& queue, operation& what) noexcept {
    queue.erase(what);
    --waiting_;
    interest* const other = table_.at(descriptor_of(what));
    const int error = other == nullptr ? -ENOMEM : wait_on(*other, what);
    if (error != 0) {
        finish(what, error);
    }
}

// serve_poll: a registration for one poll tells exactly what it asked for; one for everything tells
// more than that, and only of changes, so the kernel is asked again.
void epoll_backend::serve_poll(interest& place, std::uint32_t events) noexcept {
    if (place.registered == registration::once && place.poller->kind() == operation_kind::poll) {
        end_poll(place, static_cast<std::uint16_t>(events));
    } else if (const std::optional<int> answer = perform(*place.poller)) {
        end_poll(place, *answer);
    }
}

// end_poll: finishes the poll operation of a descriptor. A foreign one is forgotten at once, because
// nobody will tell us when it is closed.
void epoll_backend::end_poll(interest& place, int result) noexcept {
    operation& what = *place.poller;
    place.poller = nullptr;
    if (place.registered == registration::once) {
        unwatch(place, descriptor_of(what));
    }
    detail::forget(what);
    --waiting_;
    finish(what, result);
}

} // namespace pirn::detail
