// SPDX-License-Identifier: MIT
//
// A proxy: what comes in goes on to --to HOST --to-port N, and back, each direction until it ends by itself. What is
// more than a buffer at a time is moved by the kernel (splice), and a silent connection holds no buffer.
#include <pirn/io/copy.hpp>
#include <pirn/pirn.hpp>

#include "server_program.hpp"

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

// One direction. An end is passed on as an end; an error ends both directions.
void pass_on(net::tcp_stream& from, net::tcp_stream& to, pirn::task_group& both) {
    std::error_code error;
    pirn::io::copy(from, to, {}, error);
    if (!error) to.shutdown(net::shutdown_side::write, error);
    if (error) both.cancel();
}

void carry(net::tcp_stream& client, const std::string& host, std::uint16_t port,
           net::resolver& names) {
    std::error_code error;
    auto server = net::connect(host, port, {.timeout = 10s, .names = &names}, error);
    if (error) {
        std::fprintf(stderr, "proxy: %s: %s\n", host.c_str(), error.message().c_str());
        client.apply({.linger = 0s},
                     error); // the client sees a reset, as from a port where nobody listens
        return;
    }
    pirn::task_group both;
    both.spawn([&] { pass_on(client, server, both); });
    both.spawn([&] { pass_on(server, client, both); });
    both.wait();
}

} // namespace

int main(int argc, char** argv) {
    example::server_program program{
        argc, argv, "proxy",
        "Passes connections on to another address, and what is said in both directions.",
        " [--to HOST] --to-port N"};
    const std::string host{program.line().text("--to").value_or("127.0.0.1")};
    const auto port = program.line().number<std::uint16_t>("--to-port", 0);
    return program.run([&](const net::address& where, auto ready, std::stop_token stop) {
        net::resolver names{{.cache_for = 10s}};
        auto listener = net::tcp_listen(where, {.reuse_port = program.several_threads()});
        ready(listener.local_address());
        net::serve(
            listener, [&](net::tcp_stream& client) { carry(client, host, port, names); },
            {.max_connections = program.connections_of_a_thread(), .stop = stop, .name = "proxy"});
    });
}
