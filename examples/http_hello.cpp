// SPDX-License-Identifier: MIT
//
// The same answer to every request, with keep-alive and pipelining: what a web server does besides HTTP. It reads
// no more of a request than where its head ends, so requests with a body are not for it.
#include <pirn/io/reader.hpp>
#include <pirn/pirn.hpp>

#include "server_program.hpp"

#include <chrono>
#include <string_view>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

constexpr std::size_t longest_head = 8192;

constexpr std::string_view hello = "HTTP/1.1 200 OK\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 13\r\n"
                                   "\r\n"
                                   "Hello, world\n";
constexpr std::string_view goodbye = "HTTP/1.1 200 OK\r\n"
                                     "Content-Type: text/plain\r\n"
                                     "Content-Length: 13\r\n"
                                     "Connection: close\r\n"
                                     "\r\n"
                                     "Hello, world\n";
constexpr std::string_view too_large = "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                       "Content-Length: 0\r\n"
                                       "Connection: close\r\n"
                                       "\r\n";
constexpr std::string_view bad = "HTTP/1.1 400 Bad Request\r\n"
                                 "Content-Length: 0\r\n"
                                 "Connection: close\r\n"
                                 "\r\n";

// Whether the connection is to be closed after the answer: HTTP/1.0, or if the client says so.
bool last_one(std::string_view head) {
    const std::string_view first = head.substr(0, head.find("\r\n"));
    return first.ends_with("HTTP/1.0") ||
           head.find("\r\nConnection: close") != std::string_view::npos ||
           head.find("\r\nconnection: close") != std::string_view::npos;
}

void answer(net::tcp_stream& client) {
    pirn::io::reader requests{client, longest_head};
    std::error_code error;
    while (const auto head = requests.until("\r\n\r\n", error)) {
        const bool request = head->find(" HTTP/1.") != std::string_view::npos;
        const bool last = !request || last_one(*head);
        client.write_all(!request ? bad : last ? goodbye : hello, error);
        if (error || last) return;
    }
    if (error == std::errc::message_size) client.write_all(too_large, error);
}

} // namespace

int main(int argc, char** argv) {
    example::server_program program{argc, argv, "http_hello",
                                    "Gives the same answer to every HTTP request."};
    return program.run([&](const net::address& where, auto ready, std::stop_token stop) {
        auto listener = net::tcp_listen(where, {.reuse_port = program.several_threads()});
        ready(listener.local_address());
        net::serve(listener, answer,
                   {.max_connections = program.connections_of_a_thread(),
                    .idle_timeout = 60s,
                    .stop = stop,
                    .name = "http"});
    });
}
