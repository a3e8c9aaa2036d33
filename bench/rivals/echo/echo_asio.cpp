// SPDX-License-Identifier: MIT
//
// Boost.Asio, with callbacks, one thread, and the hint that there is but one.
#include "../usage.h"
#include "ready.h"

#include <array>
#include <memory>
#include <utility>

#include <boost/asio.hpp>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
  public:
    explicit session(tcp::socket client) : client_{std::move(client)} {}

    void listen() {
        client_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](boost::system::error_code error, std::size_t got) {
                if (!error) {
                    self->answer(got);
                }
            });
    }

  private:
    void answer(std::size_t count) {
        asio::async_write(
            client_, asio::buffer(buffer_, count),
            [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                if (!error) {
                    self->listen();
                }
            });
    }

    tcp::socket client_;
    std::array<char, MESSAGE_MAX> buffer_;
};

void accept_on(tcp::acceptor& listener) {
    listener.async_accept([&listener](boost::system::error_code error, tcp::socket client) {
        if (!error) {
            client.set_option(tcp::no_delay{true});
            std::make_shared<session>(std::move(client))->listen();
        }
        accept_on(listener);
    });
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "An echo server: Asio.");
    asio::io_context context{1};
    const int descriptor = listen_somewhere(SOCK_NONBLOCK);
    tcp::acceptor listener{context, tcp::v4(), descriptor};
    accept_on(listener);
    say_where(descriptor);
    context.run();
}
