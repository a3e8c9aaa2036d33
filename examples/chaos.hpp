// SPDX-License-Identifier: MIT
//
// A proxy that behaves as badly as a network may: it slices what passes into pieces of any size, holds some back, ends
// some connections in the middle, and resets others. What it does pass on, it passes on right. Its tasks may run on
// several threads. Not part of the library.
#pragma once

#include <pirn/pirn.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <random>
#include <stop_token>

namespace example {

// chaos_counts: what it has done.
struct chaos_counts {
    std::atomic<std::size_t> pieces = 0;
    std::atomic<std::size_t> cuts = 0;
    std::atomic<std::size_t> resets = 0;
};

class chaos {
  public:
    // `one_in`: of so many pieces, one ends its connection, by a cut or by a reset.
    chaos(const pirn::net::address& to, unsigned seed, unsigned one_in, chaos_counts& counts)
        : to_{to}, seed_{seed}, one_in_{one_in}, counts_{counts},
          listener_{pirn::net::tcp_listen(pirn::net::address::loopback(0))} {}

    pirn::net::address where() const { return listener_.local_address(); }

    // run: until the stop. Suspends.
    void run(std::stop_token stop) {
        pirn::net::serve(listener_, [this](pirn::net::tcp_stream& client) { carry(client); },
                         {.stop = stop});
    }

  private:
    // dice: of one direction of one connection.
    class dice {
      public:
        explicit dice(unsigned seed) : random_{seed} {}
        std::size_t roll(std::size_t sides) { return random_() % sides; }

      private:
        std::minstd_rand random_;
    };

    void carry(pirn::net::tcp_stream& client) {
        std::error_code error;
        auto server = pirn::net::tcp_connect(to_, error);
        if (error) return;
        pirn::task_group both;
        both.spawn([&] { pass_on(client, server, both); });
        both.spawn([&] { pass_on(server, client, both); });
        both.wait();
    }

    void pass_on(pirn::net::tcp_stream& from, pirn::net::tcp_stream& to, pirn::task_group& both) {
        std::array<std::byte, 8192> buffer;
        std::error_code error;
        dice own{++seed_};
        for (;;) {
            const std::size_t most =
                own.roll(4) == 0 ? 1 + own.roll(16) : 1 + own.roll(buffer.size());
            const std::size_t n = from.read(std::span{buffer}.first(most), error);
            if (error || n == 0) break;
            ++counts_.pieces;
            if (own.roll(one_in_) == 0) return end_badly(from, to, both, own.roll(2) == 0);
            if (own.roll(8) == 0) pirn::sleep_for(std::chrono::microseconds{own.roll(2000)});
            to.write_all(std::span{buffer}.first(n), error);
            if (error) break;
        }
        if (error) return both.cancel();
        to.shutdown(pirn::net::shutdown_side::write, error);
    }

    void end_badly(pirn::net::tcp_stream& one, pirn::net::tcp_stream& other, pirn::task_group& both,
                   bool reset) {
        ++(reset ? counts_.resets : counts_.cuts);
        std::error_code gone;
        if (reset) {
            one.apply({.linger = std::chrono::seconds{0}}, gone);
            other.apply({.linger = std::chrono::seconds{0}}, gone);
        }
        both.cancel();
    }

    pirn::net::address to_;
    std::atomic<unsigned> seed_;
    unsigned one_in_;
    chaos_counts& counts_;
    pirn::net::tcp_listener listener_;
};

} // namespace example
