// SPDX-License-Identifier: MIT
//
// The connections of one thread of tcp_echo, at most so many at a time. Built on park, the gate under
// everything. Not part of the library.
#pragma once

#include <pirn/net/tcp.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/park.hpp>

#include <cstddef>
#include <list>
#include <utility>

namespace example {

struct connections {
    struct connection {
        pirn::net::tcp_stream stream;
        pirn::join_handle<> task;
    };
    using place = std::list<connection>::iterator;

    // wait_until_fewer: sleeps while there are so many or more. One task at a time.
    void wait_until_fewer(std::size_t than) {
        while (open.size() >= than) {
            pirn::waiter on{[](pirn::waiter& stopped) noexcept { pirn::unpark(stopped); }};
            waiting = &on;
            pirn::park(on);
            waiting = nullptr;
            pirn::throw_if_stopped();
        }
    }

    // leaving: held by a connection's task, removes the connection when the task ends, however it ends.
    struct leaving {
        connections& all;
        place which;

        ~leaving() {
            which->task.detach(); // it is the one that is running this
            all.open.erase(which);
            if (all.waiting != nullptr) pirn::unpark(*std::exchange(all.waiting, nullptr));
        }
    };

    std::list<connection> open;
    bool stopping = false;

  private:
    pirn::waiter* waiting = nullptr;
};

} // namespace example
