// SPDX-License-Identifier: MIT
//
// One question to the system, on its way: a task of its own sees the blocking pool through, whoever still waits.
//
//   join ──► the first one starts the task ──► getaddrinfo on the pool ──► answered, all who wait go on
//    │                                              ▲
//    └── leaves (asked to stop); the last one that does cancels: what is queued never runs, what runs is signalled
//
// Belongs to one thread, apart from what the pool's thread fills in between submit and completion.
#pragma once

#include <pirn/net/resolver.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sync/event.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace pirn::net::detail {

// question: what is asked; the key of a cache.
struct question {
    std::string host;
    std::string service;
    address_family family = address_family::any;

    auto operator<=>(const question&) const = default;
};

class lookup : public std::enable_shared_from_this<lookup> {
  public:
    explicit lookup(question what) : what_{std::move(what)} {}

    // ask: sees to it that the question is on its way, and waits for the answer. False when the task was asked
    // to stop before. Throws std::bad_alloc when it cannot be started. Suspends.
    bool ask();

    bool answered() const noexcept { return answered_.is_set(); }
    // joinable: whether somebody who asks the same may wait for this one. Not for one that is being cancelled.
    bool joinable() const noexcept { return !abandoned_; }
    const question& what() const noexcept { return what_; }

    // Valid once answered.
    const std::vector<address>& addresses() const noexcept { return addresses_; }
    std::error_code error() const noexcept { return error_; }

  private:
    struct job;
    void run();
    void take(const job& done);

    question what_;
    std::vector<address> addresses_;
    std::error_code error_;
    event answered_;
    join_handle<> task_;
    int waiting_ = 0;
    bool abandoned_ = false; // before it was answered, the last one has left
};

} // namespace pirn::net::detail
