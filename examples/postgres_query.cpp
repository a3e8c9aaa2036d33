// SPDX-License-Identifier: MIT
//
// A foreign library that has no idea of coroutines: libpq, PostgreSQL's own, waits for nobody here. It says which way it
// wants its socket, wait_ready waits for that, and other tasks run meanwhile. Sends a query over several connections
// at once and prints the rows of all.
//
//   postgres_query --connections 4 --connect "host=/run/postgresql" "select pg_sleep(1), version()"
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include <libpq-fe.h>

namespace {

using connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

[[noreturn]] void complain(PGconn* about) { throw std::runtime_error{PQerrorMessage(about)}; }

connection connect(const std::string& where) {
    connection made{PQconnectStart(where.c_str()), &PQfinish};
    if (!made || PQstatus(made.get()) == CONNECTION_BAD) complain(made.get());
    for (auto wants = PGRES_POLLING_WRITING; wants != PGRES_POLLING_OK;) {
        // The socket may be another one each time.
        pirn::io::wait_ready(PQsocket(made.get()), wants == PGRES_POLLING_READING,
                             wants == PGRES_POLLING_WRITING);
        wants = PQconnectPoll(made.get());
        if (wants == PGRES_POLLING_FAILED) complain(made.get());
    }
    if (PQsetnonblocking(made.get(), 1) != 0) complain(made.get());
    return made;
}

answer next_answer(PGconn* of) {
    while (PQisBusy(of) != 0) {
        pirn::io::wait_readable(PQsocket(of));
        if (PQconsumeInput(of) == 0) complain(of);
    }
    return {PQgetResult(of), &PQclear};
}

void send(PGconn* to, const std::string& query) {
    if (PQsendQuery(to, query.c_str()) == 0) complain(to);
    for (int left = PQflush(to); left != 0; left = PQflush(to)) {
        if (left < 0) complain(to);
        // What the server sends meanwhile must be taken in, or both would wait for each other.
        const auto now = pirn::io::wait_ready(PQsocket(to), true, true);
        if (now.readable && PQconsumeInput(to) == 0) complain(to);
    }
}

void print_rows(PGresult* of, unsigned number) {
    for (int row = 0; row < PQntuples(of); ++row) {
        std::printf("%u:", number);
        for (int column = 0; column < PQnfields(of); ++column) {
            std::printf(" %s", PQgetvalue(of, row, column));
        }
        std::printf("\n");
    }
}

void ask(const std::string& where, const std::string& query, unsigned number) {
    const connection server = connect(where);
    send(server.get(), query);
    while (const answer next = next_answer(server.get())) {
        switch (PQresultStatus(next.get())) {
        case PGRES_TUPLES_OK: print_rows(next.get(), number); break;
        case PGRES_COMMAND_OK: break;
        default: complain(server.get());
        }
    }
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{
        argc, argv, "[--connect TEXT] [--connections N] [--backend auto|uring|epoll] QUERY",
        "Asks PostgreSQL on so many connections at once, and prints the rows."};
    const std::string where{line.text("--connect").value_or("")};
    const auto connections = line.number("--connections", 1U, 1U, 1000U);
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    const std::string query{line.operand("select version()")};
    line.done();
    pirn::run(with, [&] {
        pirn::task_group all;
        for (unsigned i = 0; i < connections; ++i) {
            all.spawn([&, i] { ask(where, query, i); });
        }
        all.wait();
    });
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "postgres_query: %s\n", error.what());
    return 1;
}
