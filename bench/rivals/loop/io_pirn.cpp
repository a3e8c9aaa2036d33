// SPDX-License-Identifier: MIT
//
// Ours, on both backends.
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>

#include "../usage.h"
#include "io_work.hpp"

#include <deque>
#include <string>
#include <string_view>

namespace {

struct reading : pirn::read_operation {
    reading(pirn::loop& on, int file, long& still)
        : read_operation{file, pirn::mutable_bytes{space}, 0, &done}, loop{on}, left{still} {}
    void begin() {
        if (left > 0) {
            --left;
            offset = rival::next_offset();
            loop.submit(*this);
        }
    }
    static void done(pirn::operation& what) noexcept {
        rival::must(what.result() == static_cast<int>(rival::block), "read");
        static_cast<reading&>(what).begin();
    }
    std::array<char, rival::block> space;
    pirn::loop& loop;
    long& left;
};

// One end: receives, sends back, and receives again.
struct end {
    end(pirn::loop& on, int socket, long& still)
        : loop{on}, receive{socket, *this}, send{socket, *this}, left{still} {
        loop.submit(receive);
    }
    struct receiving : pirn::receive_operation {
        receiving(int socket, end& of)
            : receive_operation{socket, pirn::mutable_bytes{of.space}, &done}, self{of} {}
        static void done(pirn::operation& what) noexcept {
            end& self = static_cast<receiving&>(what).self;
            if (what.result() > 0 && --self.left > 0) {
                self.answer();
            }
        }
        end& self;
    };
    struct sending : pirn::send_operation {
        sending(int socket, end& of)
            : send_operation{socket, pirn::bytes{of.space}.first(rival::datagram), &done},
              self{of} {}
        static void done(pirn::operation& what) noexcept {
            static_cast<sending&>(what).self.sent();
        }
        end& self;
    };
    void answer() {
        if (loop.attempt(send)) {
            sent();
        }
    }
    void sent() {
        if (!receive.in_flight()) {
            loop.submit(receive);
        }
    }
    std::array<char, rival::block> space{};
    pirn::loop& loop;
    receiving receive;
    sending send;
    long& left;
};

void measure(pirn::backend_kind kind, const std::string& prefix) {
    pirn::loop loop{{.backend = kind}};
    if (loop.backend_name() + std::string{"_"} != prefix) {
        return;
    }
    const int file = rival::file_in_memory();
    for (const unsigned depth : {1U, rival::deep}) {
        long left = 0;
        std::deque<reading> all;
        for (unsigned i = 0; i < depth; ++i) {
            all.emplace_back(loop, file, left);
        }
        rival::measure_few((prefix + "read_" + std::to_string(depth) + "_ns").c_str(), rival::reads,
                           [&] {
                               left = rival::reads;
                               for (reading& each : all) {
                                   each.begin();
                               }
                               loop.run();
                           });
    }
    ::close(file);
    const auto sockets = rival::udp_pair(loop.socket_flags() & SOCK_NONBLOCK);
    long left = 0;
    end near{loop, sockets[0], left};
    end far{loop, sockets[1], left};
    rival::measure_few((prefix + "udp_ns").c_str(), rival::round_trips, [&] {
        left = rival::round_trips * 2;
        near.answer();
        while (left > 0) {
            loop.run(pirn::run_mode::once);
        }
        loop.run(pirn::run_mode::nowait);
        near.sent();
        far.sent();
    });
    for (end* const each : {&near, &far}) {
        loop.cancel(each->receive);
    }
    loop.run();
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of reads of a file and of datagrams: pirn.");
    measure(pirn::backend_kind::epoll, "epoll_");
    measure(pirn::backend_kind::uring, "uring_");
}
