// SPDX-License-Identifier: MIT
//
// What every echo server of this folder does alike: it listens on a port of the kernel's choice and says so, and
// runs until it is killed. A header of C, because the floors are C.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MESSAGE_MAX = 4096, BACKLOG = 4096 };

static inline void die_of(const char* what) {
    perror(what);
    exit(1);
}

/* A listening socket on 127.0.0.1. `flags` are SOCK_NONBLOCK or 0. */
static inline int listen_somewhere(int flags) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (listener < 0) die_of("socket");
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0) die_of("bind");
    if (listen(listener, BACKLOG) != 0) die_of("listen");
    return listener;
}

static inline void say_where(int listener) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr*)&address, &size) != 0) die_of("getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

static inline void no_delay(int socket) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
