// SPDX-License-Identifier: MIT
//
// A program for a kernel that fails now and then: an echo server and its clients on one loop, with files and the
// blocking pool beside them. It takes every error as an answer: what it was refused it counts, and goes on. Its first
// line says "begins", the last one how it went:
//
//   served 32 of 32, 3 refused     exit code 0
//   cannot begin: why              exit code 3: no loop, no buffers, no memory for what it needs
//
// Whatever the kernel says, it ends: everybody gives up after 20 seconds, which is exit code 4.
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/loop/work.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

constexpr int rounds = 32;
constexpr std::string_view words = "warp and weft";

// An operation that is waited for by turning the loop: the program is a row of steps.
template <class Operation>
struct step : Operation {
    template <class... Parameters>
    explicit step(Parameters... parameters)
        : Operation{parameters..., [](pirn::operation&) noexcept {}} {}
};

class program {
  public:
    int run() {
        listen();
        for (int round = 0; round < rounds; ++round) {
            served_ += serve_one() ? 1 : 0;
            use_a_file();
            use_the_pool();
        }
        if (listener_ >= 0) {
            perform(step<pirn::close_operation>{listener_});
        }
        std::printf("served %d of %d, %d refused\n", served_, rounds, refused_);
        return 0;
    }

  private:
    // perform: the result. A refusal is counted.
    template <class Operation>
    int perform(Operation&& what) {
        loop_.submit(what);
        finish(what);
        refused_ += what.result() < 0 ? 1 : 0;
        return what.result();
    }

    template <class Operation>
    void finish(Operation& what) {
        while (what.in_flight()) {
            loop_.run(pirn::run_mode::once, give_up_);
            if (pirn::clock::now() >= give_up_) {
                std::puts("it hangs");
                std::fflush(stdout);
                std::_Exit(4); // operations are in flight: no destructor would have it
            }
        }
    }

    // again: the same until it is not refused for want of something, which may come back.
    template <class Operation>
    int again(Operation&& what) {
        int result = perform(what);
        while (result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS) {
            perform(step<pirn::timer_operation>{pirn::after(1ms)});
            result = perform(what);
        }
        return result;
    }

    void listen() {
        listener_ = again(step<pirn::socket_operation>{AF_INET, SOCK_STREAM, 0});
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const raw = reinterpret_cast<sockaddr*>(&address_);
        socklen_t size = sizeof address_;
        perform(step<pirn::bind_operation>{listener_, raw, size});
        perform(step<pirn::listen_operation>{listener_, 16});
        ::getsockname(listener_, raw, &size);
    }

    bool serve_one() {
        const int client = again(step<pirn::socket_operation>{AF_INET, SOCK_STREAM, 0});
        if (client < 0) {
            return false;
        }
        bool whole = false;
        const auto* const raw = reinterpret_cast<const sockaddr*>(&address_);
        if (perform(step<pirn::connect_operation>{client, raw, unsigned{sizeof address_}}) == 0) {
            const int server = accept_from(client);
            if (server >= 0) {
                whole = echo(client, server);
                perform(step<pirn::close_operation>{server});
            }
        }
        perform(step<pirn::close_operation>{client});
        return whole;
    }

    // accept_from: what those have left who were refused in the middle is in the queue, too.
    int accept_from(int client) {
        for (;;) {
            const int server = again(step<pirn::accept_operation>{listener_});
            if (server < 0 || port_of(&::getpeername, server) == port_of(&::getsockname, client)) {
                return server;
            }
            perform(step<pirn::close_operation>{server});
        }
    }

    static in_port_t port_of(int (*ask)(int, sockaddr*, socklen_t*) noexcept, int socket) {
        sockaddr_in found{};
        socklen_t size = sizeof found;
        ask(socket, reinterpret_cast<sockaddr*>(&found), &size);
        return found.sin_port;
    }

    // echo: there by a lent buffer, back by one of our own.
    bool echo(int client, int server) {
        step<pirn::receive_borrowed_operation> hears{server, std::ref(buffers_), pirn::shots::one};
        loop_.submit(hears);
        if (perform(step<pirn::send_operation>{client, pirn::bytes{words}}) !=
            static_cast<int>(words.size())) {
            loop_.cancel(hears);
            finish(hears);
            return false;
        }
        finish(hears);
        std::array<char, 64> answer{};
        const int heard = hears.result();
        const bool sent =
            heard > 0 &&
            perform(step<pirn::send_operation>{server, pirn::bytes{hears.lease.data()}}) == heard;
        hears.lease.reset();
        return sent &&
               perform(step<pirn::receive_operation>{client, pirn::mutable_bytes{answer}}) ==
                   heard &&
               std::string_view{answer.data(), static_cast<std::size_t>(heard)} == words;
    }

    void use_a_file() {
        const int file =
            perform(step<pirn::open_operation>{"/proc/self/stat", O_RDONLY, mode_t{0}});
        if (file >= 0) {
            std::array<char, 64> space{};
            perform(step<pirn::read_operation>{file, pirn::mutable_bytes{space}, std::int64_t{0}});
            perform(step<pirn::close_operation>{file});
        }
    }

    void use_the_pool() {
        perform(step<pirn::work_operation>{+[](pirn::work_operation&) noexcept { return 1; }});
    }

    pirn::loop loop_;
    pirn::buffer_ring buffers_{loop_, {.count = 4, .size = 4096}};
    const pirn::time_point give_up_ = pirn::after(20s);
    sockaddr_in address_{};
    int listener_ = -1;
    int served_ = 0;
    int refused_ = 0;
};

} // namespace

int main() {
    // For who counts what comes after it: no stdio, which asks for memory.
    if (::write(STDOUT_FILENO, "begins\n", 7) != 7) {
        return 1;
    }
    try {
        return program{}.run();
    } catch (const std::exception& refusal) { // std::system_error, std::bad_alloc
        std::printf("cannot begin: %s\n", refusal.what());
        return 3;
    }
}
