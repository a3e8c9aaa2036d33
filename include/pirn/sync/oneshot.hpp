// SPDX-License-Identifier: MIT
//
// One value, from one sender to one receiver, once: the answer to a question.
//
//   auto [sender, receiver] = pirn::oneshot<int>();
//   pirn::spawn([to = std::move(sender)]() mutable { to.send(42); }).detach();
//   use(receiver.receive());
//
// A sender that goes away without having sent is an error at the receiver. From any thread, each end by one party
// at a time; outside of any task, receive blocks the thread.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/sync/channel.hpp>

#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace pirn {

template <class T>
class oneshot_sender;
template <class T>
class oneshot_receiver;

// oneshot: both ends. Throws std::bad_alloc. Never suspends.
template <class T>
std::pair<oneshot_sender<T>, oneshot_receiver<T>> oneshot();

template <class T>
class oneshot_sender {
  public:
    oneshot_sender() noexcept = default;
    oneshot_sender(oneshot_sender&&) noexcept = default;
    oneshot_sender& operator=(oneshot_sender&& other) noexcept;
    // Nothing will be sent any more.
    ~oneshot_sender() { drop(); }

    // send: once. False when the receiver is gone; the value was then not moved from. Never suspends.
    bool send(T&& value);

    // valid: whether there is something to be done: not moved from, and nothing sent. Never suspends.
    bool valid() const noexcept { return shared_ != nullptr; }

    // wanted: whether the receiver is still there. Never suspends.
    bool wanted() const noexcept { return shared_ != nullptr && !shared_->closed(); }

  private:
    template <class U>
    friend std::pair<oneshot_sender<U>, oneshot_receiver<U>> oneshot();

    explicit oneshot_sender(std::shared_ptr<channel<T>> shared) noexcept
        : shared_{std::move(shared)} {}
    void drop() noexcept;

    std::shared_ptr<channel<T>> shared_;
};

template <class T>
class oneshot_receiver {
  public:
    oneshot_receiver() noexcept = default;
    oneshot_receiver(oneshot_receiver&&) noexcept = default;
    oneshot_receiver& operator=(oneshot_receiver&& other) noexcept;
    // Nobody waits for the value any more.
    ~oneshot_receiver() { drop(); }

    // receive: waits for the value; once. Throws std::system_error with std::errc::broken_pipe when the sender has
    // gone away without one; `cancelled` if the task is asked to stop, and then may be called again. Suspends.
    T receive();

    // try_receive: the value, if it is there. Throws when it will never be, as receive does. Never suspends.
    [[nodiscard("the value is lost when the answer is dropped")]] std::optional<T> try_receive();

    // valid: whether there is something to wait for: not moved from, and nothing received. Never suspends.
    bool valid() const noexcept { return shared_ != nullptr; }

    // receiving: for select: Function(std::optional<T>), of nothing when the sender has gone away. Never suspends.
    auto receiving() noexcept { return checked().receiving(); }

  private:
    template <class U>
    friend std::pair<oneshot_sender<U>, oneshot_receiver<U>> oneshot();

    explicit oneshot_receiver(std::shared_ptr<channel<T>> shared) noexcept
        : shared_{std::move(shared)} {}
    channel<T>& checked() const;
    void drop() noexcept;

    std::shared_ptr<channel<T>> shared_;
};

// ---------------------------------------------------------------------------------------------------

template <class T>
std::pair<oneshot_sender<T>, oneshot_receiver<T>> oneshot() {
    auto shared = std::make_shared<channel<T>>(1);
    return {oneshot_sender<T>{shared}, oneshot_receiver<T>{shared}};
}

template <class T>
auto oneshot_sender<T>::operator=(oneshot_sender&& other) noexcept -> oneshot_sender& {
    if (this != &other) {
        drop();
        shared_ = std::move(other.shared_);
    }
    return *this;
}

template <class T>
void oneshot_sender<T>::drop() noexcept {
    if (shared_ != nullptr) {
        std::exchange(shared_, nullptr)->close();
    }
}

template <class T>
bool oneshot_sender<T>::send(T&& value) {
    PIRN_REQUIRE(shared_ != nullptr, "a oneshot_sender was used that has sent already");
    const bool sent = shared_->try_send(std::move(value));
    drop();
    return sent;
}

template <class T>
auto oneshot_receiver<T>::operator=(oneshot_receiver&& other) noexcept -> oneshot_receiver& {
    if (this != &other) {
        drop();
        shared_ = std::move(other.shared_);
    }
    return *this;
}

template <class T>
void oneshot_receiver<T>::drop() noexcept {
    if (shared_ != nullptr) {
        std::exchange(shared_, nullptr)->close();
    }
}

template <class T>
channel<T>& oneshot_receiver<T>::checked() const {
    PIRN_REQUIRE(shared_ != nullptr, "a oneshot_receiver was used that has received already");
    return *shared_;
}

template <class T>
T oneshot_receiver<T>::receive() {
    std::optional<T> received = checked().receive();
    drop();
    if (!received) {
        throw_error(std::make_error_code(std::errc::broken_pipe), "oneshot receive");
    }
    return std::move(*received);
}

template <class T>
std::optional<T> oneshot_receiver<T>::try_receive() {
    // Asked in this order: what was sent before the sender went away is still found.
    const bool gone = checked().closed();
    std::optional<T> received = shared_->try_receive();
    if (received || gone) {
        drop();
    }
    if (!received && gone) {
        throw_error(std::make_error_code(std::errc::broken_pipe), "oneshot try_receive");
    }
    return received;
}

} // namespace pirn
