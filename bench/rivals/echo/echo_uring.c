// SPDX-License-Identifier: MIT
//
// The floor for io_uring: multishot accept, multishot receive into buffers that the kernel picks from a ring, and
// one send for each message; all that a turn has to say goes in with the wait for the next.
#define _GNU_SOURCE
#include "../usage.h"
#include "ready.h"

#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <unistd.h>

enum { SUBMISSIONS = 4096, COMPLETIONS = 16384, BUFFERS = 4096, BUFFER_SIZE = 256, GROUP = 0 };
enum what { ACCEPTED, RECEIVED, SENT };

static struct io_uring ring;
static struct io_uring_buf_ring* lent;
static char* buffers;

static uint64_t tag(enum what what, int client, unsigned buffer) {
    return (uint64_t)what << 62 | (uint64_t)buffer << 32 | (uint32_t)client;
}

static struct io_uring_sqe* entry(void) {
    struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    if (sqe == NULL) exit(1);
    return sqe;
}

static void give_back(unsigned buffer) {
    io_uring_buf_ring_add(lent, buffers + (size_t)buffer * BUFFER_SIZE, BUFFER_SIZE,
                          (unsigned short)buffer, io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(lent, 1);
}

static void receive(int client) {
    struct io_uring_sqe* sqe = entry();
    io_uring_prep_recv_multishot(sqe, client, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    io_uring_sqe_set_data64(sqe, tag(RECEIVED, client, 0));
}

static void set_up(void) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    parameters.cq_entries = COMPLETIONS;
    if (io_uring_queue_init_params(SUBMISSIONS, &ring, &parameters) != 0) {
        fputs("echo_uring: the kernel refuses io_uring\n", stderr);
        exit(1);
    }
    buffers = aligned_alloc(4096, (size_t)BUFFERS * BUFFER_SIZE);
    lent = aligned_alloc(4096, BUFFERS * sizeof(struct io_uring_buf));
    memset(lent, 0, BUFFERS * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg registration;
    memset(&registration, 0, sizeof registration);
    registration.ring_addr = (uint64_t)(uintptr_t)lent;
    registration.ring_entries = BUFFERS;
    registration.bgid = GROUP;
    if (io_uring_register_buf_ring(&ring, &registration, 0) != 0) exit(1);
    io_uring_buf_ring_init(lent);
    for (unsigned i = 0; i < BUFFERS; ++i) give_back(i);
}

static void received(const struct io_uring_cqe* cqe, int client) {
    if (cqe->res <= 0 && cqe->res != -ENOBUFS) {
        close(client);
        return;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) receive(client);
    if (cqe->res <= 0) return;
    const unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    struct io_uring_sqe* sqe = entry();
    io_uring_prep_send(sqe, client, buffers + (size_t)buffer * BUFFER_SIZE, (size_t)cqe->res,
                       MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, tag(SENT, client, buffer));
}

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "An echo server: io_uring by hand.");
    set_up();
    const int listener = listen_somewhere(0);
    struct io_uring_sqe* sqe = entry();
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, tag(ACCEPTED, 0, 0));
    io_uring_submit(&ring);
    say_where(listener);
    for (;;) {
        struct io_uring_cqe* cqe = NULL;
        io_uring_submit_and_wait_timeout(&ring, &cqe, 1, NULL, NULL);
        unsigned head = 0;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            ++count;
            const uint64_t data = io_uring_cqe_get_data64(cqe);
            const int client = (int)(uint32_t)data;
            switch ((enum what)(data >> 62)) {
            case ACCEPTED:
                if (cqe->res >= 0) {
                    no_delay(cqe->res);
                    receive(cqe->res);
                }
                break;
            case RECEIVED: received(cqe, client); break;
            case SENT: give_back((unsigned)(data >> 32) & 0xffff); break;
            }
        }
        io_uring_cq_advance(&ring, count);
    }
}
