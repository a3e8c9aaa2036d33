// SPDX-License-Identifier: MIT
//
// A mixed load on itself for --seconds, with faults: echo over TCP, straight and through a proxy that slices, cuts and
// resets (chaos.hpp), over unix sockets and over UDP; conversations that are cancelled at random moments; times without
// a free descriptor. Every byte that comes back is looked at. Prints the account; exits with 1 if one was wrong.
// `./dev soak` runs it for half an hour on each backend, and draws what it needed.
#include <pirn/pirn.hpp>

#include "chaos.hpp"
#include "command_line.hpp"
#include "soak_clients.hpp"

#include <array>
#include <cstdio>
#include <string>

#include <unistd.h>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

void echo(net::stream_socket& client) {
    std::array<std::byte, 4096> buffer;
    std::error_code gone;
    while (const std::size_t n = client.read(buffer, gone)) {
        client.write_all(std::span{buffer}.first(n), gone);
        if (gone) return;
    }
}

// The servers, the clients, and the end of both.
void run_soak(soak::tallies& sums, example::chaos_counts& chaos, pirn::time_point until,
              unsigned seed, unsigned clients) {
    std::stop_source stop;
    auto tcp = net::tcp_listen(net::address::loopback(0));
    const auto where = tcp.local_address();
    auto local =
        net::unix_listen(net::unix_address::abstract("pirn-soak-" + std::to_string(::getpid())));
    const auto name = local.local_address();
    auto udp = net::udp_bind(net::address::loopback(0), {.receive_buffer = 1 << 20});
    example::chaos bad{where, seed, 400, chaos};
    const net::serve_options how{.stop = stop.get_token(), .quiet = 20ms};
    pirn::task_group servers;
    servers.spawn([&] { net::serve(tcp, echo, how); });
    servers.spawn([&] { net::serve(local, echo, how); });
    servers.spawn([&] { bad.run(stop.get_token()); });
    servers.spawn([&] {
        std::array<std::byte, 1500> buffer;
        std::error_code error; // of a client that is gone; or it is the end
        while (error != std::errc::operation_canceled) {
            const auto got = udp.receive(buffer, error);
            if (!error) udp.send_to(std::span{buffer}.first(got.size), got.from, error);
        }
    });
    {
        pirn::task_group load;
        load.spawn([&] { soak::starve(until); });
        for (unsigned i = 0; i < clients; ++i) {
            const unsigned own = seed * 1000 + i;
            load.spawn([&, own] {
                soak::keep_talking(own, until, 0, sums, [&](unsigned dice, soak::tally& sum) {
                    auto stream = net::tcp_connect(where);
                    return soak::talk_to_the_end(stream, dice % 1'000'000, dice, sum);
                });
            });
            load.spawn([&, own] {
                soak::keep_talking(own + 1, until, 1, sums, [&](unsigned dice, soak::tally& sum) {
                    auto stream = net::tcp_connect(bad.where());
                    return soak::talk(stream, dice % 100'000, dice, sum);
                });
            });
            load.spawn([&, own] {
                soak::keep_talking(own, until, 2, sums, [&](unsigned dice, soak::tally& sum) {
                    auto stream = net::unix_connect(name);
                    return soak::talk_to_the_end(stream, dice % 1'000'000, dice, sum);
                });
            });
            load.spawn([&, own] {
                soak::keep_talking(own, until, 3, sums, [&](unsigned dice, soak::tally& sum) {
                    return soak::talk_by_datagram(udp.local_address(), dice, sum);
                });
            });
        }
        load.wait();
    }
    stop.request_stop();
    udp.close();
    servers.wait();
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{argc, argv,
                               "[--seconds N] [--seed N] [--clients N] [--threads N] [--backend B]",
                               "Puts sockets under load, and looks at every byte."};
    const auto seconds = line.number("--seconds", 10U, 1U);
    const auto seed = line.number("--seed", 1U);
    const auto clients = line.number("--clients", 8U, 1U, 1000U);
    const auto threads = line.number<std::size_t>("--threads", 1U, 1U, 256U);
    const pirn::runtime_options with{.threads = threads, .loop = {.backend = line.backend()}};
    line.done();
    soak::tallies sums{.all = {{"tcp"}, {"tcp through chaos"}, {"unix"}, {"udp"}}, .mutex = {}};
    example::chaos_counts bad;
    const auto end = pirn::after(std::chrono::seconds{seconds});
    pirn::run(with, [&] { run_soak(sums, bad, end, seed, clients); });
    std::size_t wrong = 0;
    for (const soak::tally& each : sums.all) {
        std::printf("%-18s %8zu whole %8zu broken %8zu cancelled %12zu bytes %zu wrong\n",
                    each.name, each.whole, each.broken, each.cancelled, each.bytes, each.wrong);
        wrong += each.wrong + (each.whole == 0 ? 1 : 0);
    }
    std::printf("chaos: %zu pieces, %zu cuts, %zu resets\n", bad.pieces.load(), bad.cuts.load(),
                bad.resets.load());
    std::puts(pirn::to_string(pirn::live()).c_str());
    return wrong == 0 ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "soak: %s\n", error.what());
    return 1;
}
