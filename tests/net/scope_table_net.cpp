// SPDX-License-Identifier: MIT
//
// The table of scopes: net.
#include <pirn/loop/buffers.hpp>
#include <pirn/net/connect.hpp>
#include <pirn/net/resolver.hpp>
#include <pirn/net/serve.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/net/udp.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/runtime/runtime.hpp>

#include "io/folder.hpp"
#include "net/scope_table.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace support {
namespace {

namespace net = pirn::net;

using room = std::array<std::byte, 64>;

struct listening {
    net::tcp_listener listener = net::tcp_listen(net::address::loopback(0));
};

struct listening_by_path {
    support::folder folder;
    net::unix_address where = net::unix_address::path((folder / "socket").string());
    net::unix_listener listener = net::unix_listen(where);
};

struct bound {
    net::udp_socket socket = net::udp_bind(net::address::loopback(0));
};

struct streams {
    std::pair<net::unix_stream, net::unix_stream> pair = net::unix_pair();
    pirn::buffer_ring buffers{pirn::current_loop()};
};

struct datagrams {
    std::pair<net::unix_datagram, net::unix_datagram> pair = net::unix_datagram_pair();
};

template <class Function>
call with_socket(Function function) {
    return of(std::make_shared<bound>(), function);
}

} // namespace

std::vector<row> rows_of_net() {
    using std::make_shared;
    return {
        {"net/tcp.hpp tcp_listener::accept",
         [] {
             return of(make_shared<listening>(),
                       [](auto& it) { std::ignore = it.listener.accept(); });
         }},
        {"net/tcp.hpp tcp_connect",
         [] {
             return of(make_shared<listening>(), [](auto& it) {
                 std::ignore = net::tcp_connect(it.listener.local_address());
             });
         },
         true},
        {"net/serve.hpp serve",
         [] {
             return of(make_shared<listening>(),
                       [](auto& it) { net::serve(it.listener, [](net::tcp_stream&) {}); });
         }},
        {"net/connect.hpp connect",
         [] {
             return of(make_shared<listening>(), [](auto& it) {
                 std::ignore = net::connect("127.0.0.1", it.listener.local_address().port());
             });
         },
         true},
        {"net/resolver.hpp resolve",
         [] { return [] { std::ignore = net::resolve("localhost", 80); }; }, true},
        {"net/resolver.hpp resolver::resolve",
         [] {
             return of(make_shared<net::resolver>(),
                       [](auto& it) { std::ignore = it.resolve("localhost", 80); });
         },
         true},
        {"net/stream_socket.hpp stream_socket::read_borrowed",
         [] {
             return of(make_shared<streams>(),
                       [](auto& it) { std::ignore = it.pair.first.read_borrowed(it.buffers); });
         }},
        {"net/udp.hpp udp_socket::receive",
         [] {
             return with_socket([](auto& it) {
                 room into{};
                 std::ignore = it.socket.receive(into);
             });
         }},
        {"net/udp.hpp udp_socket::receive_many",
         [] {
             return with_socket([](auto& it) {
                 room into{};
                 std::array<net::udp_slot, 1> slots{};
                 slots[0].buffer = into;
                 std::ignore = it.socket.receive_many(slots);
             });
         }},
        {"net/udp.hpp udp_socket::send_many",
         [] {
             return with_socket([](auto& it) {
                 const std::array<net::udp_outgoing, 1> one{{{"x", it.socket.local_address()}}};
                 it.socket.send_many(one);
             });
         },
         true},
        {"net/udp.hpp udp_socket::send_segments",
         [] {
             return with_socket(
                 [](auto& it) { it.socket.send_segments("xy", 1, it.socket.local_address()); });
         },
         true},
        {"net/unix.hpp unix_listener::accept",
         [] {
             return of(make_shared<listening_by_path>(),
                       [](auto& it) { std::ignore = it.listener.accept(); });
         }},
        {"net/unix.hpp unix_connect",
         [] {
             return of(make_shared<listening_by_path>(),
                       [](auto& it) { std::ignore = net::unix_connect(it.where); });
         },
         true},
        {"net/unix.hpp unix_stream::receive_descriptors",
         [] {
             return of(make_shared<streams>(), [](auto& it) {
                 room into{};
                 std::ignore = it.pair.first.receive_descriptors(into, 1);
             });
         }},
        {"net/unix.hpp unix_stream::send_descriptors",
         [] {
             return of(make_shared<streams>(), [](auto& it) {
                 for (;;) std::ignore = it.pair.first.send_descriptors("x", {});
             });
         }},
        {"net/unix.hpp unix_datagram::receive",
         [] {
             return of(make_shared<datagrams>(), [](auto& it) {
                 room into{};
                 std::ignore = it.pair.first.receive(into);
             });
         }},
        {"net/unix.hpp unix_datagram::send",
         [] {
             return of(make_shared<datagrams>(), [](auto& it) {
                 for (;;) it.pair.first.send("x");
             });
         }},
        {"net/unix.hpp unix_datagram::send_to",
         [] {
             return of(make_shared<listening_by_path>(), [](auto& it) {
                 const auto where = net::unix_address::path((it.folder / "datagrams").string());
                 auto receiver = net::unix_bind(where);
                 auto sender =
                     net::unix_bind(net::unix_address::path((it.folder / "sender").string()));
                 for (;;) sender.send_to(where, "x");
             });
         }},
    };
}

} // namespace support
