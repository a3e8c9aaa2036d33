// SPDX-License-Identifier: MIT
//
// An echo server for datagrams: each goes back to who sent it, in batches of what has arrived meanwhile. With
// --threads, one socket per thread on the same port, and the kernel deals out the senders.
#include <pirn/pirn.hpp>

#include "server_program.hpp"

#include <array>

namespace net = pirn::net;

namespace {

constexpr std::size_t batch = 32;
constexpr std::size_t largest = 65'507;

// Everything on the heap: 2 MiB are no matter for a stack, of which each task has 256 KiB.
struct buffers {
    std::vector<std::byte> memory = std::vector<std::byte>(batch * largest);
    std::array<net::udp_slot, batch> slots;
    std::array<net::udp_outgoing, batch> answers;

    buffers() {
        for (std::size_t i = 0; i < batch; ++i) {
            slots[i].buffer = std::span{memory}.subspan(i * largest, largest);
        }
    }
};

void echo(net::udp_socket& socket) {
    buffers with;
    std::error_code error;
    for (;;) {
        const std::size_t count = socket.receive_many(with.slots, error);
        if (error == std::errc::operation_canceled) return;
        for (std::size_t i = 0; i < count; ++i) {
            const net::udp_slot& got = with.slots[i];
            with.answers[i] = {got.buffer.first(got.received.size), got.received.from};
        }
        // One that cannot be answered is left out: datagrams may be lost anywhere.
        for (std::size_t sent = 0; sent < count; ++sent) {
            sent += socket.send_many(std::span{with.answers}.subspan(sent, count - sent), error);
            if (error == std::errc::operation_canceled) return;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    example::server_program program{argc, argv, "udp_echo",
                                    "Sends each datagram back to its sender."};
    return program.run([&](const net::address& where, auto ready, std::stop_token stop) {
        auto socket = net::udp_bind(where, {.reuse_port = program.several_threads()});
        ready(socket.local_address());
        pirn::cancel_scope until_stopped{stop};
        static_cast<void>(until_stopped.run([&] { echo(socket); })); // the stop is how it ends
    });
}
