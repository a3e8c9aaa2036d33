// SPDX-License-Identifier: MIT
//
// The floor for epoll: the fewest system calls that an echo takes, one receive and one send for each message, and
// a wait for as many as are ready. Level-triggered: a second receive that says "nothing more" is not needed.
#define _GNU_SOURCE
#include "../usage.h"
#include "ready.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 512 };

static void accept_all(int epoll, int listener) {
    for (;;) {
        const int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EAGAIN) return;
            die_of("accept4");
        }
        no_delay(client);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event) != 0) die_of("epoll_ctl");
    }
}

static void echo(int client) {
    char buffer[MESSAGE_MAX];
    const ssize_t got = recv(client, buffer, sizeof buffer, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        close(client);
        return;
    }
    /* A message is far smaller than the socket's buffer, so this sends all of it. */
    if (send(client, buffer, (size_t)got, MSG_NOSIGNAL) != got) close(client);
}

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "An echo server: epoll by hand.");
    const int listener = listen_somewhere(SOCK_NONBLOCK);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) die_of("epoll_ctl");
    say_where(listener);
    struct epoll_event events[EVENTS];
    for (;;) {
        const int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; ++i) {
            if (events[i].data.fd == listener) {
                accept_all(epoll, listener);
            } else {
                echo(events[i].data.fd);
            }
        }
    }
}
