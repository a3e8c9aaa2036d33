// SPDX-License-Identifier: MIT
//
// A foreign library that has no idea of coroutines: hiredis, with its non-blocking connections. It is asked to write and
// to read when wait_writable and wait_readable say that it can, and other tasks run meanwhile. Sends a command over
// several connections at once and prints the answers.
//
//   redis_command --connections 4 --socket /run/redis/redis.sock "BLPOP list 1"
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include <hiredis/hiredis.h>

namespace {

using connection = std::unique_ptr<redisContext, decltype(&redisFree)>;
using answer = std::unique_ptr<void, decltype(&freeReplyObject)>;

void check(const redisContext* what) {
    if (what == nullptr) throw std::bad_alloc{};
    if (what->err != 0) throw std::runtime_error{what->errstr};
}

answer command(redisContext* on, const std::string& text) {
    if (redisAppendCommand(on, text.c_str()) != REDIS_OK) check(on);
    for (int done = 0; done == 0;) {
        pirn::io::wait_writable(on->fd);
        if (redisBufferWrite(on, &done) != REDIS_OK) check(on);
    }
    for (void* reply = nullptr;;) {
        if (redisGetReplyFromReader(on, &reply) != REDIS_OK) check(on);
        if (reply != nullptr) return {reply, &freeReplyObject};
        pirn::io::wait_readable(on->fd);
        if (redisBufferRead(on) != REDIS_OK) check(on);
    }
}

std::string text_of(const redisReply& reply) {
    switch (reply.type) {
    case REDIS_REPLY_INTEGER: return std::to_string(reply.integer);
    case REDIS_REPLY_NIL: return "(nothing)";
    case REDIS_REPLY_ERROR: throw std::runtime_error{std::string{reply.str, reply.len}};
    case REDIS_REPLY_ARRAY: {
        std::string all;
        for (std::size_t i = 0; i < reply.elements; ++i) {
            all += (i == 0 ? "" : " ") + text_of(*reply.element[i]);
        }
        return all;
    }
    default: return {reply.str, reply.len};
    }
}

void ask(const std::string& socket, const std::string& text, unsigned number) {
    const connection server{redisConnectUnixNonBlock(socket.c_str()), &redisFree};
    check(server.get());
    const answer reply = command(server.get(), text);
    std::printf("%u: %s\n", number, text_of(*static_cast<redisReply*>(reply.get())).c_str());
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{
        argc, argv, "[--socket PATH] [--connections N] [--backend auto|uring|epoll] COMMAND",
        "Sends a command to Redis on so many connections at once, and prints the answers."};
    const std::string socket{line.text("--socket").value_or("/run/redis/redis-server.sock")};
    const auto connections = line.number("--connections", 1U, 1U, 1000U);
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    const std::string text{line.operand("PING")};
    line.done();
    pirn::run(with, [&] {
        pirn::task_group all;
        for (unsigned i = 0; i < connections; ++i) {
            all.spawn([&, i] { ask(socket, text, i); });
        }
        all.wait();
    });
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "redis_command: %s\n", error.what());
    return 1;
}
