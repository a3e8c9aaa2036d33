// SPDX-License-Identifier: MIT
//
// Boost.Asio: UDP. Files it does by io_uring alone, and not as Debian compiles it.
#include "../usage.h"
#include "io_work.hpp"

#include <boost/asio.hpp>

namespace {

namespace asio = boost::asio;
using asio::ip::udp;

long left_to_hear = 0;

struct end {
    end(asio::io_context& on, int descriptor) : socket{on, udp::v4(), descriptor} { receive(); }
    void receive() {
        socket.async_receive(asio::buffer(space),
                             [this](const boost::system::error_code& error, std::size_t) {
                                 if (!error) {
                                     if (--left_to_hear > 0) {
                                         send();
                                     }
                                     receive();
                                 }
                             });
    }
    void send() {
        socket.async_send(asio::buffer(answer),
                          [](const boost::system::error_code&, std::size_t) {});
    }
    udp::socket socket;
    std::array<char, rival::block> space{};
    std::array<char, rival::datagram> answer{};
};

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of datagrams: Asio.");
    asio::io_context loop{1};
    const auto sockets = rival::udp_pair(0);
    end near{loop, sockets[0]};
    end far{loop, sockets[1]};
    rival::measure_few("udp_ns", rival::round_trips, [&] {
        left_to_hear = rival::round_trips * 2;
        near.send();
        while (left_to_hear > 0) {
            loop.run_one();
        }
    });
    loop.stop();
}
