// SPDX-License-Identifier: MIT
//
// 32 datagrams of 1,200 bytes over loopback, sent and then received on one thread: by hand, one by one, in batches, and
// as one buffer that the kernel cuts and joins. Items are datagrams.
#include <pirn/net/udp.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>

#include <array>
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/socket.h>

namespace {

namespace net = pirn::net;

constexpr std::size_t batch = 32;
constexpr std::size_t size = 1200;

struct ends {
    explicit ends(bool joined = false)
        : to{net::udp_bind(net::address::loopback(0),
                           {.join_received = joined, .receive_buffer = 1 << 20})},
          from{net::udp_connect(to.local_address())} {}
    net::udp_socket to;
    net::udp_socket from;
};

std::vector<std::byte>& memory() {
    static std::vector<std::byte> bytes(batch * size);
    return bytes;
}

template <class Round>
void measure(benchmark::State& state, pirn::backend_kind backend, bool joined, Round round) {
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        state.SetLabel(pirn::current_loop().backend_name());
        ends both{joined};
        for (auto _ : state) round(both);
    });
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

void datagrams_by_hand(benchmark::State& state, pirn::backend_kind backend) {
    measure(state, backend, false, [](ends& both) {
        for (std::size_t i = 0; i < batch; ++i) {
            ::send(both.from.native_handle(), memory().data(), size, MSG_NOSIGNAL);
        }
        for (std::size_t i = 0; i < batch; ++i) {
            ::recv(both.to.native_handle(), memory().data(), size, 0);
        }
    });
}
BENCHMARK_CAPTURE(datagrams_by_hand, plain, pirn::backend_kind::epoll);

void datagrams_one_by_one(benchmark::State& state, pirn::backend_kind backend) {
    measure(state, backend, false, [](ends& both) {
        for (std::size_t i = 0; i < batch; ++i) both.from.send(std::span{memory()}.first(size));
        for (std::size_t i = 0; i < batch; ++i) both.to.receive(memory());
    });
}
BENCHMARK_CAPTURE(datagrams_one_by_one, uring, pirn::backend_kind::uring);
BENCHMARK_CAPTURE(datagrams_one_by_one, epoll, pirn::backend_kind::epoll);

void datagrams_in_batches(benchmark::State& state, pirn::backend_kind backend) {
    std::array<net::udp_slot, batch> slots;
    std::array<net::udp_outgoing, batch> outgoing;
    for (std::size_t i = 0; i < batch; ++i) {
        slots[i].buffer = std::span{memory()}.subspan(i * size, size);
        outgoing[i].data = slots[i].buffer;
    }
    measure(state, backend, false, [&](ends& both) {
        both.from.send_many(outgoing);
        for (std::size_t got = 0; got < batch;) got += both.to.receive_many(slots);
    });
}
BENCHMARK_CAPTURE(datagrams_in_batches, uring, pirn::backend_kind::uring);
BENCHMARK_CAPTURE(datagrams_in_batches, epoll, pirn::backend_kind::epoll);

void datagrams_in_segments(benchmark::State& state, pirn::backend_kind backend) {
    std::vector<std::byte> into(65'535);
    measure(state, backend, true, [&](ends& both) {
        both.from.send_segments(memory(), size);
        for (std::size_t got = 0; got < batch * size;) got += both.to.receive(into).size;
    });
}
BENCHMARK_CAPTURE(datagrams_in_segments, uring, pirn::backend_kind::uring);
BENCHMARK_CAPTURE(datagrams_in_segments, epoll, pirn::backend_kind::epoll);

} // namespace
