// SPDX-License-Identifier: MIT
//
// libuv: uv_fs_read, which goes to its threads, and uv_udp_t, which sends at once where it can.
#include "../usage.h"
#include "io_work.hpp"

#include <deque>

#include <uv.h>

namespace {

using rival::must;

struct reading {
    uv_fs_t request{};
    std::array<char, rival::block> space{};
    uv_buf_t buffer{};
    uv_loop_t* loop = nullptr;
    int file = -1;
    long* left = nullptr;

    void begin() {
        if (*left > 0) {
            --*left;
            buffer = uv_buf_init(space.data(), rival::block);
            request.data = this;
            uv_fs_read(loop, &request, file, &buffer, 1, rival::next_offset(), [](uv_fs_t* done) {
                must(done->result == static_cast<ssize_t>(rival::block), "uv_fs_read");
                uv_fs_req_cleanup(done);
                static_cast<reading*>(done->data)->begin();
            });
        }
    }
};

void measure_reads(uv_loop_t* loop, unsigned depth, const char* key) {
    static const int file = rival::file_in_memory();
    long left = 0;
    std::deque<reading> all(depth);
    rival::measure_few(key, rival::reads, [&] {
        left = rival::reads;
        for (reading& each : all) {
            each.loop = loop;
            each.file = file;
            each.left = &left;
            each.begin();
        }
        uv_run(loop, UV_RUN_DEFAULT);
    });
}

std::array<char, rival::block> space;
long left_to_hear = 0;

void send_one(uv_udp_t* from) {
    uv_buf_t piece = uv_buf_init(space.data(), rival::datagram);
    must(uv_udp_try_send(from, &piece, 1, nullptr) > 0, "uv_udp_try_send");
}

void measure_udp(uv_loop_t* loop) {
    const auto sockets = rival::udp_pair(SOCK_NONBLOCK);
    std::array<uv_udp_t, 2> both{};
    for (std::size_t i = 0; i < 2; ++i) {
        uv_udp_init(loop, &both[i]);
        must(uv_udp_open(&both[i], sockets[i]) == 0, "uv_udp_open");
        uv_udp_recv_start(
            &both[i],
            [](uv_handle_t*, size_t, uv_buf_t* into) {
                *into = uv_buf_init(space.data(), rival::block);
            },
            [](uv_udp_t* on, ssize_t size, const uv_buf_t*, const sockaddr*, unsigned) {
                if (size > 0 && --left_to_hear > 0) {
                    send_one(on);
                }
            });
    }
    rival::measure_few("udp_ns", rival::round_trips, [&] {
        left_to_hear = rival::round_trips * 2;
        send_one(&both[0]);
        while (left_to_hear > 0) {
            uv_run(loop, UV_RUN_ONCE);
        }
    });
    for (uv_udp_t& each : both) {
        uv_close(reinterpret_cast<uv_handle_t*>(&each), nullptr);
    }
    uv_run(loop, UV_RUN_DEFAULT);
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of reads of a file and of datagrams: libuv.");
    uv_loop_t* const loop = uv_default_loop();
    measure_reads(loop, 1, "read_1_ns");
    measure_reads(loop, rival::deep, "read_32_ns");
    measure_udp(loop);
}
