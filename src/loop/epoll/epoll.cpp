// SPDX-License-Identifier: MIT
//
// The epoll backend: taking operations in and out, and the registration of descriptors.
#include "loop/epoll/epoll.hpp"

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>

#include "loop/epoll/perform.hpp"
#include "loop/epoll/tag.hpp"
#include "os/file.hpp"
#include "os/socket.hpp"

#include <cerrno>
#include <optional>

#include <netinet/in.h>
#include <sys/epoll.h>

namespace pirn::detail {
namespace {

// polls: whether an operation waits for a descriptor that is not ours to be ready.
bool polls(const operation& what) noexcept {
    return what.kind() == operation_kind::poll || what.kind() == operation_kind::child;
}

} // namespace

epoll_backend::epoll_backend(outbox& out) : backend{out}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    if (!epoll_) {
        throw_errno("epoll_create1");
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = wake_tag;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.descriptor(), &event) != 0) {
        throw_errno("epoll_ctl");
    }
}

// It is readable as long as there is an edge that was not fetched.
int epoll_backend::descriptor() {
    embedded_ = true;
    return epoll_.get();
}

void epoll_backend::abandon() noexcept {
    epoll_.close(); // and no word to it: it is the parent's table too
    wakeup_.close();
}

int epoll_backend::socket_flags() const noexcept { return SOCK_CLOEXEC | SOCK_NONBLOCK; }

// Threads do what epoll cannot wait for. A read of what waits for others would hold one of them until something comes, and a
// write to a pipe until somebody reads.
bool epoll_backend::serves(const operation& what) const noexcept {
    return in_order(what) && (reads_file(what) ? os::waits_for_others(descriptor_of(what))
                                               : os::is_pipe(descriptor_of(what)));
}

void epoll_backend::submit(operation& what) noexcept {
    if (attempt(what)) {
        finish(what, what.result());
    }
}

bool epoll_backend::attempt(operation& what) noexcept {
    if (is_multishot(what.kind())) {
        submit_many(static_cast<multishot_operation&>(what));
        return false;
    }
    const int descriptor = descriptor_of(what);
    if (what.kind() == operation_kind::close) {
        release(descriptor);
    }
    interest* place = table_.find(descriptor);
    const bool asked = worth_asking(place, what);
    if (asked) {
        if (const std::optional<int> answer = perform(what)) {
            if (place != nullptr) {
                learn(*place, what, *answer);
            }
            detail::forget(what);
            operation_access::set_result(what, *answer);
            return true;
        }
    }
    if (place == nullptr || what.kind() == operation_kind::splice) {
        // A child has its descriptor only now, and a splice may wait for another one.
        place = table_.at(descriptor_of(what));
    }
    const int error = place == nullptr ? -ENOMEM : wait_on(*place, what);
    if (error != 0) {
        detail::forget(what);
        operation_access::set_result(what, error);
        return true;
    }
    if (!asked) {
        operation_access::flags(what) |= epoll_flag::unasked;
    }
    return false;
}

void epoll_backend::cancel(operation& what) noexcept {
    if (is_multishot(what.kind())) {
        cancel_many(static_cast<multishot_operation&>(what));
        return;
    }
    interest& place = *table_.find(descriptor_of(what)); // it waits there, or it were finished
    if (polls(what)) {
        const int descriptor = descriptor_of(what); // a child forgets it
        end_poll(place, -ECANCELED);
        settle(place, descriptor);
        return;
    }
    // Its edge may have come already and wait to be fetched, which a poll that nobody waits for does not
    // do: the next one asks the kernel, or a row of requests that are soon cancelled would never see it.
    int result = -ECANCELED;
    if (reads(what)) {
        if (owes_attempt(place, what)) {
            result = perform(what).value_or(-ECANCELED);
        }
        place.readers.erase(what);
        place.readable = true;
    } else {
        place.writers.erase(what);
        place.writable = true;
    }
    --waiting_;
    finish(what, result);
    settle(place, descriptor_of(what));
}

void epoll_backend::release(int descriptor) noexcept {
    interest* const place = table_.find(descriptor);
    if (place == nullptr) {
        return;
    }
    PIRN_REQUIRE(
        place->readers.empty() && place->writers.empty() && place->poller == nullptr,
        "a descriptor was released with operations in flight; cancel them and wait for their "
        "completions first",
        {"descriptor", descriptor});
    forget(*place, descriptor);
}

// ---------------------------------------------------------------------------------------------------

// worth_asking: whether the kernel may have an answer now. Whoever waits already goes first. A connect
// is always asked, because it is the asking that begins it.
bool epoll_backend::worth_asking(const interest* place, const operation& what) const noexcept {
    if (place == nullptr) {
        return true;
    }
    switch (what.kind()) {
    case operation_kind::accept:
    case operation_kind::receive_message:
    case operation_kind::read:
    case operation_kind::read_vector:
    case operation_kind::receive: return place->readable && place->readers.empty();
    case operation_kind::send_message:
    case operation_kind::send_zero_copy:
    case operation_kind::write:
    case operation_kind::write_vector:
    case operation_kind::send: return place->writable && place->writers.empty();
    default: return true;
    }
}

// owes_attempt: whether a read is cancelled of which the kernel was never asked. Bytes may have arrived since the loop
// last looked, and a deadline that has passed admits one attempt.
bool epoll_backend::owes_attempt(const interest& place, const operation& operation) const noexcept {
    return (operation_access::flags(operation) & epoll_flag::unasked) != 0 &&
           place.readers.front() == &operation && refusal() == 0;
}

// wait_on: puts an operation that the kernel had no answer for into the queue of its descriptor.
// 0, or a negative errno when the descriptor cannot be watched.
int epoll_backend::wait_on(interest& place, operation& what) noexcept {
    if (refusal() != 0) {
        return refusal();
    }
    const int descriptor = descriptor_of(what);
    if (polls(what)) {
        PIRN_REQUIRE(place.poller == nullptr, "a second poll operation on the same descriptor",
                     {"descriptor", descriptor});
        // One of ours is watched for everything already; a foreign one is watched for this once.
        if (place.registered == registration::none) {
            if (const int error =
                    watch(place, descriptor, registration::once, events_of(what) | EPOLLONESHOT)) {
                return error;
            }
        }
        place.poller = &what;
    } else {
        place.for_files = (reads_file(what) || writes_file(what)) &&
                          (place.for_files || place.registered != registration::always);
        if (place.registered != registration::always) {
            if (const int error = watch(place, descriptor, registration::always, every_edge)) {
                return error;
            }
        }
        if (reads(what)) {
            place.readable = false;
            place.readers.push_back(what);
        } else {
            place.writable = false;
            place.writers.push_back(what);
        }
    }
    ++waiting_;
    return 0;
}

// watch: registers a descriptor, or changes how it is. The kernel reports at once what holds already,
// so that nothing is lost between the system call that would have waited and this one.
int epoll_backend::watch(interest& place, int descriptor, registration how,
                         std::uint32_t events) noexcept {
    ++place.generation;
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag_of(descriptor, place.generation);
    int action = place.registered == registration::none ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    int result = ::epoll_ctl(epoll_.get(), action, descriptor, &event);
    if (result != 0 && (errno == EEXIST || errno == ENOENT)) {
        // Somebody has closed the descriptor behind our back, or has put a duplicate of a watched
        // file under this number: the kernel knows better which of the two it takes.
        action = action == EPOLL_CTL_ADD ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        result = ::epoll_ctl(epoll_.get(), action, descriptor, &event);
    }
    if (result == 0) {
        place.registered = how;
        return 0;
    }
    // A file that cannot be waited for is always ready to be read and written; it was asked for
    // something else. io_uring has the better name for that.
    return errno == EPERM ? -EINVAL : -errno;
}

void epoll_backend::unwatch(interest& place, int descriptor) noexcept {
    if (place.registered != registration::none) {
        // Not left to close: the registration would live on with a duplicate of the descriptor. The
        // call fails when the descriptor is gone already; the generation disowns what may still come.
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
        place.registered = registration::none;
        ++place.generation;
    }
}

// forget: nothing sticks to whoever has the number next.
void epoll_backend::forget(interest& place, int descriptor) noexcept {
    unwatch(place, descriptor);
    place.readable = place.writable = true;
    place.ended = place.for_files = false;
    place.after_short = short_receive::unknown;
}

// settle: what was watched for files alone, by which nobody waits any more, is forgotten: files need no release.
void epoll_backend::settle(interest& place, int descriptor) noexcept {
    if (place.for_files && place.readers.empty() && place.writers.empty() &&
        place.poller == nullptr) {
        forget(place, descriptor);
    }
}

// learn: a receive that came back short spares the next one its system call, see interest.hpp.
void epoll_backend::learn(interest& place, const operation& what, int result) noexcept {
    if (what.kind() != operation_kind::receive || place.registered != registration::always ||
        place.ended || result <= 0) {
        return;
    }
    const auto& receive = static_cast<const receive_operation&>(what);
    if (static_cast<std::size_t>(result) >= receive.buffer.size()) {
        return;
    }
    if (place.after_short == short_receive::unknown) {
        place.after_short = os::option(receive.descriptor, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP
                                ? short_receive::queue_is_empty
                                : short_receive::says_nothing;
    }
    if (place.after_short == short_receive::queue_is_empty) {
        place.readable = false;
    }
}

} // namespace pirn::detail
