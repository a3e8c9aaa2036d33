// SPDX-License-Identifier: MIT
//
// A client of an echo server such as anybody would write it: plain C, blocking sockets, a thread where
// two things happen at once. It shares no code with pirn, so that it cannot share its mistakes.
//
//   blocking_client PORT MODE NUMBER
//
//   echo BYTES        sends while it receives, and compares every byte
//   half-close BYTES  the same, but says that no more will come, and expects the end after the last byte
//   reset N           N connections that end in a reset, each at one of four moments
//   many N            N clients at once: all are connected before the first sends; several messages each
//   churn N           N connections in a row, one message each
//   idle N            N connections that say nothing and expect to be ended by the server
//
// Prints one line, `ok: ...` or `failed: ...` or `skipped: ...`, and exits with 0, 1 or 77. A server that
// does not answer within patience_s is a failure, so that no mode can hang.
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { patience_s = 30, skipped = 77, message_max = 20000 };

static struct sockaddr_in server;

// Ends the program, from whichever thread comes first: one failure is enough, and one line is promised.
static _Noreturn void finish(int code, const char* verdict, const char* format, va_list values) {
    static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&first);
    printf("%s: ", verdict);
    vprintf(format, values);
    printf("\n");
    fflush(stdout);
    _exit(code);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char* format, ...) {
    va_list values;
    va_start(values, format);
    finish(1, "failed", format, values);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void skip(const char* format, ...) {
    va_list values;
    va_start(values, format);
    finish(skipped, "skipped", format, values);
}

// What client `seed` sends at `offset`: a hash, so that a byte that is lost, doubled, moved by a buffer's
// length or answered to the wrong client does not look right by accident.
static uint8_t byte_at(uint32_t seed, size_t offset) {
    uint32_t x = (uint32_t)offset * 0x9E3779B1u ^ (seed + 1) * 0x85EBCA6Bu;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    return (uint8_t)(x >> 8);
}

static int connect_to_server(void) {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0) fail("socket: %s", strerror(errno));
    const struct timeval patience = {.tv_sec = patience_s};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    // Interrupted it goes on by itself, and the next call waits for its end.
    while (connect(client, (const struct sockaddr*)&server, sizeof server) != 0 &&
           errno != EISCONN) {
        if (errno != EINTR) fail("connect: %s", strerror(errno));
    }
    return client;
}

// Sends `size` bytes of the client's pattern, which begin at `offset`.
static void send_pattern(int client, uint32_t seed, size_t offset, size_t size) {
    uint8_t piece[8192];
    while (size > 0) {
        const size_t length = size < sizeof piece ? size : sizeof piece;
        for (size_t i = 0; i < length; ++i) piece[i] = byte_at(seed, offset + i);
        const ssize_t sent = send(client, piece, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue; // see receive
        if (sent <= 0) fail("send after %zu bytes: %s", offset, strerror(errno));
        offset += (size_t)sent;
        size -= (size_t)sent;
    }
}

// A socket with a timeout ends a wait with EINTR when the process is stopped and continued, even without a handler
// (signal(7)).
static ssize_t receive(int client, void* into, size_t size) {
    ssize_t got = 0;
    do {
        got = recv(client, into, size, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

// Receives `size` bytes and compares each with what was sent at `offset`.
static void expect_pattern(int client, uint32_t seed, size_t offset, size_t size) {
    uint8_t piece[8192];
    while (size > 0) {
        const ssize_t got = receive(client, piece, size < sizeof piece ? size : sizeof piece);
        if (got < 0) fail("receive after %zu bytes: %s", offset, strerror(errno));
        if (got == 0) fail("the stream ended after %zu bytes, %zu too early", offset, size);
        for (size_t i = 0; i < (size_t)got; ++i) {
            if (piece[i] != byte_at(seed, offset + i)) fail("byte %zu is wrong", offset + i);
        }
        offset += (size_t)got;
        size -= (size_t)got;
    }
}

static void expect_end(int client) {
    uint8_t surplus;
    const ssize_t got = receive(client, &surplus, 1);
    if (got > 0) fail("more came back than was sent");
    if (got < 0) fail("instead of the end of the stream: %s", strerror(errno));
}

static void expect_no_more_yet(int client) {
    uint8_t surplus;
    const ssize_t got = recv(client, &surplus, 1, MSG_DONTWAIT);
    if (got > 0) fail("more came back than was sent");
    if (got == 0) fail("the server ended a connection that its client had not ended");
    if (errno != EAGAIN) fail("after the last byte: %s", strerror(errno));
}

// ---- echo, half-close

struct upload {
    int client;
    size_t bytes;
    bool half_close;
};

static void* upload(void* argument) {
    const struct upload* what = argument;
    send_pattern(what->client, 0, 0, what->bytes);
    if (what->half_close && shutdown(what->client, SHUT_WR) != 0) {
        fail("shutdown: %s", strerror(errno));
    }
    return NULL;
}

static void echo(size_t bytes, bool half_close) {
    struct upload up = {connect_to_server(), bytes, half_close};
    pthread_t sender;
    if (pthread_create(&sender, NULL, upload, &up) != 0) fail("pthread_create");
    expect_pattern(up.client, 0, 0, bytes);
    pthread_join(sender, NULL);
    if (half_close) {
        expect_end(up.client);
    } else {
        expect_no_more_yet(up.client);
    }
    close(up.client);
}

// ---- reset

// Fills both directions until the server, too, waits for somebody to read.
static void send_until_nobody_takes_more(int client) {
    static const uint8_t zeros[65536];
    while (send(client, zeros, sizeof zeros, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
}

static void reset(size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const int client = connect_to_server();
        const uint32_t seed = (uint32_t)i;
        switch (i % 4) {
        case 0: break; // perhaps before it is accepted
        case 1: send_pattern(client, seed, 0, 1000); break;
        case 2:
            send_pattern(client, seed, 0, 1000);
            expect_pattern(client, seed, 0, 1000);
            break;
        case 3: send_until_nobody_takes_more(client); break;
        }
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(client);
    }
}

// ---- many

static pthread_barrier_t all_connected;

static void* one_of_many(void* argument) {
    static const size_t sizes[] = {1, 100, 4096, 1, message_max, 7};
    const uint32_t seed = (uint32_t)(uintptr_t)argument;
    const int client = connect_to_server();
    pthread_barrier_wait(&all_connected);
    size_t offset = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        send_pattern(client, seed, offset, sizes[i]);
        expect_pattern(client, seed, offset, sizes[i]);
        offset += sizes[i];
    }
    shutdown(client, SHUT_WR);
    expect_end(client);
    close(client);
    return NULL;
}

static void many(size_t count) {
    pthread_t* threads = calloc(count, sizeof *threads);
    pthread_attr_t small; // a thousand stacks of the default size would be 8 GB of address space
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    if (threads == NULL || pthread_barrier_init(&all_connected, NULL, (unsigned)count) != 0) {
        fail("no memory");
    }
    for (size_t i = 0; i < count; ++i) {
        const int error = pthread_create(&threads[i], &small, one_of_many, (void*)(uintptr_t)i);
        if (error != 0) skip("thread %zu of %zu: %s", i, count, strerror(error));
    }
    for (size_t i = 0; i < count; ++i) pthread_join(threads[i], NULL);
    pthread_attr_destroy(&small);
    free(threads);
}

// ---- churn, idle

static void churn(size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const int client = connect_to_server();
        const size_t bytes = 1 + i % 512;
        send_pattern(client, (uint32_t)i, 0, bytes);
        expect_pattern(client, (uint32_t)i, 0, bytes);
        expect_no_more_yet(client);
        close(client);
    }
}

static void idle(size_t count) {
    int* clients = calloc(count, sizeof *clients);
    if (clients == NULL) fail("no memory");
    for (size_t i = 0; i < count; ++i) clients[i] = connect_to_server();
    for (size_t i = 0; i < count; ++i) expect_end(clients[i]);
    for (size_t i = 0; i < count; ++i) close(clients[i]);
    free(clients);
}

// ---- main

static void allow_descriptors(size_t count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < count + 16) {
        skip("RLIMIT_NOFILE is %llu, too low for %zu clients", (unsigned long long)limit.rlim_max,
             count);
    }
}

// 0 when the text is not a number from 1 to `most`.
static size_t number(const char* text, size_t most) {
    char* end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    return errno == 0 && *text != '-' && *end == '\0' && value <= most ? (size_t)value : 0;
}

int main(int count, char** words) {
    const size_t port = count == 4 ? number(words[1], 65535) : 0;
    const size_t n = count == 4 ? number(words[3], (size_t)1 << 30) : 0;
    const char* mode = count == 4 ? words[2] : "";
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)port);

    const bool crowd = strcmp(mode, "many") == 0 || strcmp(mode, "idle") == 0;
    if (crowd) allow_descriptors(n);

    if (port == 0 || n == 0) {
        mode = "";
    }
    if (strcmp(mode, "echo") == 0) {
        echo(n, false);
    } else if (strcmp(mode, "half-close") == 0) {
        echo(n, true);
    } else if (strcmp(mode, "reset") == 0) {
        reset(n);
    } else if (strcmp(mode, "many") == 0) {
        many(n);
    } else if (strcmp(mode, "churn") == 0) {
        churn(n);
    } else if (strcmp(mode, "idle") == 0) {
        idle(n);
    } else {
        fprintf(stderr, "usage: %s PORT echo|half-close|reset|many|churn|idle NUMBER\n", words[0]);
        return 2;
    }
    printf("ok: %s %zu\n", mode, n);
    return 0;
}
