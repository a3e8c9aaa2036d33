// SPDX-License-Identifier: MIT
//
// Ours without coroutines: callbacks on pirn::loop. A send that the kernel takes at once costs no turn.
#include <pirn/loop/loop.hpp>

#include "../usage.h"
#include "ready.h"

#include <array>

#include <unistd.h>

namespace {

class connection {
  public:
    connection(pirn::loop& loop, int descriptor)
        : loop_{loop}, receive_{descriptor, buffer_, *this}, send_{descriptor, {}, *this} {
        loop_.submit(receive_);
    }

  private:
    struct receiving : pirn::receive_operation {
        receiving(int descriptor, pirn::mutable_bytes into, connection& of)
            : receive_operation{descriptor, into, &done}, self{of} {}
        static void done(pirn::operation& what) noexcept {
            static_cast<receiving&>(what).self.received();
        }
        connection& self;
    };
    struct sending : pirn::send_operation {
        sending(int descriptor, pirn::bytes from, connection& of)
            : send_operation{descriptor, from, &done}, self{of} {}
        static void done(pirn::operation& what) noexcept {
            static_cast<sending&>(what).self.sent();
        }
        connection& self;
    };

    void received() {
        if (receive_.result() <= 0) {
            end();
            return;
        }
        send_.buffer = pirn::bytes{buffer_}.first(static_cast<std::size_t>(receive_.result()));
        if (loop_.attempt(send_)) {
            sent();
        }
    }
    void sent() {
        if (send_.result() < 0) {
            end();
            return;
        }
        send_.buffer = send_.buffer.subspan(static_cast<std::size_t>(send_.result()));
        if (send_.buffer.empty()) {
            loop_.submit(receive_);
        } else {
            loop_.submit(send_);
        }
    }
    void end() {
        loop_.release(receive_.descriptor);
        ::close(receive_.descriptor);
        delete this;
    }

    pirn::loop& loop_;
    std::array<std::byte, MESSAGE_MAX> buffer_;
    receiving receive_;
    sending send_;
};

struct acceptor : pirn::accept_operation {
    acceptor(pirn::loop& runs_on, int listener)
        : accept_operation{listener, &done}, loop{runs_on} {}
    static void done(pirn::operation& what) noexcept {
        auto& self = static_cast<acceptor&>(what);
        if (self.result() >= 0) {
            no_delay(self.result());
            new connection{self.loop, self.result()};
        }
        self.loop.submit(self);
    }
    pirn::loop& loop;
};

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "An echo server: the loop of pirn, without coroutines.");
    pirn::loop loop;
    const int listener =
        listen_somewhere((loop.socket_flags() & SOCK_NONBLOCK) != 0 ? SOCK_NONBLOCK : 0);
    acceptor accepts{loop, listener};
    loop.submit(accepts);
    say_where(listener);
    loop.run();
}
