// SPDX-License-Identifier: MIT
//
// libuv, as its guide does it: a buffer for each read, a request for each write.
#include "../usage.h"
#include "ready.h"

#include <uv.h>

struct answer {
    uv_write_t request;
    char data[MESSAGE_MAX];
};

static void make_room(uv_handle_t* handle, size_t suggested, uv_buf_t* into) {
    (void)handle;
    (void)suggested;
    struct answer* room = malloc(sizeof *room);
    *into = uv_buf_init(room->data, sizeof room->data);
}

static struct answer* answer_of(char* data) {
    return (struct answer*)(data - offsetof(struct answer, data));
}

static void closed(uv_handle_t* handle) { free(handle); }
static void written(uv_write_t* request, int status) {
    (void)status;
    free(request); /* the first member of its answer */
}

static void heard(uv_stream_t* client, ssize_t got, const uv_buf_t* buffer) {
    if (got <= 0) {
        if (buffer->base != NULL) free(answer_of(buffer->base));
        if (got < 0) uv_close((uv_handle_t*)client, &closed);
        return;
    }
    struct answer* answer = answer_of(buffer->base);
    uv_buf_t data = uv_buf_init(answer->data, (unsigned)got);
    uv_write(&answer->request, client, &data, 1, &written);
}

static void arrived(uv_stream_t* listener, int status) {
    if (status < 0) return;
    uv_tcp_t* client = malloc(sizeof *client);
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t*)client) != 0) {
        uv_close((uv_handle_t*)client, &closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t*)client, &make_room, &heard);
}

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "An echo server: libuv.");
    uv_loop_t* loop = uv_default_loop();
    const int listener = listen_somewhere(SOCK_NONBLOCK);
    uv_tcp_t server;
    uv_tcp_init(loop, &server);
    if (uv_tcp_open(&server, listener) != 0) return 1;
    if (uv_listen((uv_stream_t*)&server, BACKLOG, &arrived) != 0) return 1;
    say_where(listener);
    return uv_run(loop, UV_RUN_DEFAULT);
}
