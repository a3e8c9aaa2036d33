// SPDX-License-Identifier: MIT
//
// An echo server: what each client sends, it gets back. One task per connection, written as if it blocked; with
// --threads, one runtime per thread, and the kernel deals out the connections. On SIGTERM it stops accepting,
// answers what it has received, and exits with 0.
#include <pirn/pirn.hpp>

#include "server_program.hpp"

#include <array>

namespace net = pirn::net;

namespace {

void echo(net::tcp_stream& client) {
    std::array<std::byte, 16384> buffer; // on the coroutine's own stack
    std::error_code gone;                // a peer that resets the connection is no news
    while (const std::size_t n = client.read(buffer, gone)) {
        client.write_all(std::span{buffer}.first(n), gone);
        if (gone) return;
    }
}

} // namespace

int main(int argc, char** argv) {
    example::server_program program{argc, argv, "tcp_echo", "Echoes what clients send."};
    return program.run([&](const net::address& where, auto ready, std::stop_token stop) {
        auto listener = net::tcp_listen(where, {.reuse_port = program.several_threads()});
        ready(listener.local_address());
        net::serve(
            listener, echo,
            {.max_connections = program.connections_of_a_thread(), .stop = stop, .name = "echo"});
    });
}
