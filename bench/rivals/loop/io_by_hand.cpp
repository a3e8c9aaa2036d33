// SPDX-License-Identifier: MIT
//
// The floors: what the kernel's interfaces cost who uses them directly, for this one purpose.
#include "../usage.h"
#include "io_work.hpp"

#include <sys/epoll.h>
#if PIRN_HAVE_URING
#include <liburing.h>
#endif

namespace {

using rival::must;

std::array<std::array<char, rival::block>, rival::deep> spaces;

void pread_one_after_the_other(int file) {
    rival::measure_few("read_1_ns", rival::reads, [&] {
        for (long i = 0; i < rival::reads; ++i) {
            must(::pread(file, spaces[0].data(), rival::block, rival::next_offset()) ==
                     static_cast<ssize_t>(rival::block),
                 "pread");
        }
    });
}

void udp_by_epoll() {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    must(epoll >= 0, "epoll_create1");
    const auto sockets = rival::udp_pair(SOCK_NONBLOCK);
    for (const int each : sockets) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = each;
        must(::epoll_ctl(epoll, EPOLL_CTL_ADD, each, &event) == 0, "epoll_ctl");
    }
    rival::measure_few("epoll_udp_ns", rival::round_trips, [&] {
        long left = rival::round_trips * 2;
        must(::send(sockets[0], spaces[0].data(), rival::datagram, 0) > 0, "send");
        while (left > 0) {
            std::array<epoll_event, 16> events{};
            const int count = ::epoll_wait(epoll, events.data(), 16, -1);
            for (int i = 0; i < count; ++i) {
                const int socket = events[static_cast<std::size_t>(i)].data.fd;
                must(::recv(socket, spaces[0].data(), rival::block, 0) > 0, "recv");
                if (--left > 0) {
                    must(::send(socket, spaces[0].data(), rival::datagram, 0) > 0, "send");
                }
            }
        }
    });
    ::close(epoll);
}

#if PIRN_HAVE_URING

class ring {
  public:
    ring() {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        made = io_uring_queue_init_params(256, &raw, &parameters) == 0;
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() {
        if (made) {
            io_uring_queue_exit(&raw);
        }
    }
    io_uring raw{};
    bool made = false;
};

void read_by_uring(ring& on, int file, unsigned depth, const char* key) {
    const auto ask = [&](std::size_t which) {
        io_uring_sqe* const entry = io_uring_get_sqe(&on.raw);
        io_uring_prep_read(entry, file, spaces[which].data(), rival::block,
                           static_cast<std::uint64_t>(rival::next_offset()));
        io_uring_sqe_set_data64(entry, which);
    };
    rival::measure_few(key, rival::reads, [&] {
        long asked = 0;
        long answered = 0;
        for (; asked < static_cast<long>(depth); ++asked) {
            ask(static_cast<std::size_t>(asked));
        }
        while (answered < rival::reads) {
            io_uring_submit_and_wait(&on.raw, 1);
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* completion = nullptr;
            io_uring_for_each_cqe(&on.raw, head, completion) {
                must(completion->res == static_cast<int>(rival::block), "read");
                ++count;
                if (asked < rival::reads) {
                    ++asked;
                    ask(completion->user_data);
                }
            }
            io_uring_cq_advance(&on.raw, count);
            answered += count;
        }
    });
}

void udp_by_uring(ring& on) {
    const auto sockets = rival::udp_pair(0);
    constexpr std::uint64_t sent = 2;
    const auto receive = [&](std::size_t which) {
        io_uring_sqe* const entry = io_uring_get_sqe(&on.raw);
        io_uring_prep_recv(entry, sockets[which], spaces[which].data(), rival::block, 0);
        io_uring_sqe_set_data64(entry, which);
    };
    const auto send = [&](std::size_t which) {
        io_uring_sqe* const entry = io_uring_get_sqe(&on.raw);
        io_uring_prep_send(entry, sockets[which], spaces[which].data(), rival::datagram, 0);
        io_uring_sqe_set_data64(entry, sent);
    };
    receive(0);
    receive(1);
    rival::measure_few("uring_udp_ns", rival::round_trips, [&] {
        long left = rival::round_trips * 2;
        send(0);
        while (left > 0) {
            io_uring_submit_and_wait(&on.raw, 1);
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* completion = nullptr;
            io_uring_for_each_cqe(&on.raw, head, completion) {
                ++count;
                must(completion->res > 0, "udp");
                if (completion->user_data != sent) {
                    const auto which = static_cast<std::size_t>(completion->user_data);
                    if (--left > 0) {
                        send(which);
                    }
                    receive(which);
                }
            }
            io_uring_cq_advance(&on.raw, count);
        }
    });
}

#endif

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of reads of a file and of datagrams: system calls.");
    const int file = rival::file_in_memory();
    pread_one_after_the_other(file);
    udp_by_epoll();
#if PIRN_HAVE_URING
    ring on;
    if (on.made) {
        read_by_uring(on, file, 1, "uring_read_1_ns");
        read_by_uring(on, file, rival::deep, "uring_read_32_ns");
        udp_by_uring(on);
    }
#endif
}
