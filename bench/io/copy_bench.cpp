// SPDX-License-Identifier: MIT
//
// A large file into a socket, and into another file, beside the system calls by hand. The argument is the file's size in
// MiB; it is in memory, so that no disk is measured. The socket is a TCP connection over loopback, at whose other end a
// thread throws the bytes away without looking at them. The time is that of the clock: two processors work.
#include <pirn/io/copy.hpp>

#include <pirn/io/file.hpp>
#include <pirn/io/temporary.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

std::uint64_t size_of(const benchmark::State& state) {
    return static_cast<std::uint64_t>(state.range(0)) * mebibyte;
}

// Throws away what arrives until the end.
void swallow(int socket) {
    std::vector<char> nowhere(mebibyte);
    while (::recv(socket, nowhere.data(), nowhere.size(), MSG_TRUNC) > 0) {
    }
}

// Calls does(file, socket) again and again, as many times as the benchmark wants, inside of pirn::run.
template <class Does>
void into_a_socket(benchmark::State& state, pirn::backend_kind backend, Does does) {
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        pirn::io::temporary_file holds;
        pirn::io::file& file = holds.file();
        const std::vector<std::byte> piece(mebibyte, std::byte{'x'});
        for (std::uint64_t i = 0; i < size_of(state); i += mebibyte) file.write_all(piece);
        auto listener = pirn::net::tcp_listen(pirn::net::address::loopback(0));
        pirn::net::tcp_stream near = pirn::net::tcp_connect(listener.local_address());
        pirn::net::tcp_stream far = listener.accept();
        const int other = ::fcntl(far.native_handle(), F_DUPFD_CLOEXEC, 0);
        ::fcntl(other, F_SETFL, ::fcntl(other, F_GETFL) & ~O_NONBLOCK);
        std::thread reader{[&] { swallow(other); }};
        for (auto _ : state) {
            file.seek(0);
            if (does(file, near) != size_of(state)) std::abort();
        }
        near.shutdown_write();
        reader.join();
        ::close(other);
    });
    state.SetBytesProcessed(static_cast<std::int64_t>(size_of(state)) * state.iterations());
}

void socket_by_hand(benchmark::State& state) {
    into_a_socket(state, pirn::backend_kind::epoll,
                  [&](pirn::io::file& from, pirn::net::tcp_stream& to) -> std::uint64_t {
                      const int flags = ::fcntl(to.native_handle(), F_GETFL);
                      ::fcntl(to.native_handle(), F_SETFL, flags & ~O_NONBLOCK);
                      std::uint64_t sent = 0;
                      off_t where = 0;
                      while (sent < size_of(state)) {
                          const auto n = ::sendfile(to.native_handle(), from.native_handle(),
                                                    &where, size_of(state) - sent);
                          if (n <= 0) std::abort();
                          sent += static_cast<std::uint64_t>(n);
                      }
                      ::fcntl(to.native_handle(), F_SETFL, flags);
                      return sent;
                  });
}
BENCHMARK(socket_by_hand)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);

void socket(benchmark::State& state, pirn::backend_kind backend, bool by_kernel) {
    into_a_socket(state, backend, [&](pirn::io::file& from, pirn::net::tcp_stream& to) {
        return pirn::io::copy(from, to, {.most = size_of(state), .by_kernel = by_kernel});
    });
}
BENCHMARK_CAPTURE(socket, uring, pirn::backend_kind::uring, true)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(socket, epoll, pirn::backend_kind::epoll, true)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(socket, uring_by_buffer, pirn::backend_kind::uring, false)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(socket, epoll_by_buffer, pirn::backend_kind::epoll, false)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// From one temporary file to another, whose pages are there after the first time.
template <class Does>
void into_a_file(benchmark::State& state, pirn::backend_kind backend, Does does) {
    pirn::run(pirn::runtime_options{.loop = {.backend = backend}}, [&] {
        pirn::io::temporary_file one;
        pirn::io::temporary_file other;
        pirn::io::file& from = one.file();
        pirn::io::file& to = other.file();
        const std::vector<std::byte> piece(mebibyte, std::byte{'x'});
        for (std::uint64_t i = 0; i < size_of(state); i += mebibyte) from.write_all(piece);
        for (auto _ : state) {
            from.seek(0);
            to.seek(0);
            if (does(from, to) != size_of(state)) std::abort();
        }
    });
    state.SetBytesProcessed(static_cast<std::int64_t>(size_of(state)) * state.iterations());
}

void file_by_hand(benchmark::State& state) {
    into_a_file(state, pirn::backend_kind::epoll,
                [&](pirn::io::file& from, pirn::io::file& to) -> std::uint64_t {
                    std::uint64_t copied = 0;
                    while (copied < size_of(state)) {
                        const auto n =
                            ::copy_file_range(from.native_handle(), nullptr, to.native_handle(),
                                              nullptr, size_of(state) - copied, 0);
                        if (n <= 0) std::abort();
                        copied += static_cast<std::uint64_t>(n);
                    }
                    return copied;
                });
}
BENCHMARK(file_by_hand)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);

void file(benchmark::State& state, pirn::backend_kind backend) {
    into_a_file(state, backend, [&](pirn::io::file& from, pirn::io::file& to) {
        return pirn::io::copy(from, to, {.most = size_of(state)});
    });
}
BENCHMARK_CAPTURE(file, uring, pirn::backend_kind::uring)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(file, epoll, pirn::backend_kind::epoll)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

} // namespace
