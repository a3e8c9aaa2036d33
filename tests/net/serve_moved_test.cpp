// SPDX-License-Identifier: MIT
//
// A server whose handlers do not keep their streams: limit, idle timeout and drain belong to the connection, wherever
// its stream has gone.
#include <pirn/net/serve.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/stack/sources.hpp>

#include "net/pairs.hpp"
#include "net/servers.hpp"
#include "support/tasks.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace net = pirn::net;
using namespace std::chrono_literals;
using support::answer;
using support::at_end;
using support::echo;

template <std::size_t Threads>
struct over_tcp {
    using stream = net::tcp_stream;
    static constexpr std::size_t threads = Threads;
    net::tcp_listener listener = support::any_listener();
    stream connect() const { return net::tcp_connect(listener_address); }
    net::address listener_address = listener.local_address();
};

template <std::size_t Threads>
struct over_unix {
    using stream = net::unix_stream;
    static constexpr std::size_t threads = Threads;
    net::unix_address where =
        net::unix_address::abstract("pirn-serve-moved-" + std::to_string(::getpid()));
    net::unix_listener listener = net::unix_listen(where);
    stream connect() const { return net::unix_connect(where); }
};

// A server beside the test, on whichever thread.
template <class Kind>
struct moving_server {
    using stream = typename Kind::stream;

    template <class Handler>
    explicit moving_server(Handler handler, net::serve_options options = {}) {
        options.stop = stop.get_token();
        task = pirn::spawn(
            [this, handler, options]() mutable { net::serve(kind.listener, handler, options); });
    }
    stream client() const { return kind.connect(); }
    void end() {
        stop.request_stop();
        task.get();
    }

    std::stop_source stop;
    Kind kind;
    pirn::join_handle<> task;
};

// What handlers leave their streams to.
template <class Stream>
class kept_streams {
  public:
    void keep(Stream&& stream) {
        const std::scoped_lock lock{mutex_};
        streams_.push_back(std::make_unique<wrapper>(wrapper{std::move(stream)}));
    }
    std::size_t size() {
        const std::scoped_lock lock{mutex_};
        return streams_.size();
    }
    // Closing may suspend, which must not happen under the lock.
    void close_one() {
        std::unique_ptr<wrapper> last;
        const std::scoped_lock lock{mutex_};
        last = std::move(streams_.back());
        streams_.pop_back();
    }
    void close_all() {
        while (size() > 0) close_one();
    }

  private:
    struct wrapper { // as a protocol holds the stream under it
        Stream inner;
    };
    std::mutex mutex_;
    std::vector<std::unique_ptr<wrapper>> streams_;
};

template <class Kind>
class serve_moved : public support::balanced<> {
  protected:
    template <class Body>
    static void run(Body body) {
        pirn::run({.threads = Kind::threads}, body);
    }
};

using ways_to_serve = testing::Types<over_tcp<1>, over_tcp<4>, over_unix<1>, over_unix<4>>;
TYPED_TEST_SUITE(serve_moved, ways_to_serve);

TYPED_TEST(serve_moved, stream_in_another_task_has_the_idle_timeout) {
    this->run([] {
        std::atomic<int> ended = 0;
        moving_server<TypeParam> server{[&](auto& client) {
                                            pirn::spawn([&, mine = std::move(client)]() mutable {
                                                echo(mine);
                                                mine.close();
                                                ++ended;
                                            }).detach();
                                        },
                                        {.idle_timeout = 200ms}};
        auto idle = server.client();
        auto talks = server.client();
        EXPECT_EQ(answer(idle, "hello"), "hello");
        auto reads = pirn::spawn([&] { return at_end(idle); });
        while (ended == 0) {
            EXPECT_EQ(answer(talks, "x"), "x");
            pirn::sleep_for(5ms);
        }
        EXPECT_TRUE(reads.get());
        EXPECT_EQ(answer(talks, "y"), "y") << "which has not been idle";
        server.end();
        EXPECT_TRUE(at_end(talks));
        EXPECT_EQ(ended, 2) << "serve has waited for both";
    });
}

TYPED_TEST(serve_moved, stream_kept_beyond_the_handler_has_the_idle_timeout) {
    kept_streams<typename TypeParam::stream> kept;
    this->run([&] {
        moving_server<TypeParam> server{[&](auto& client) { kept.keep(std::move(client)); },
                                        {.idle_timeout = 20ms}};
        auto client = server.client();
        EXPECT_TRUE(at_end(client));
        EXPECT_EQ(kept.size(), 1U);
        kept.close_all();
        server.end();
    });
}

TYPED_TEST(serve_moved, stream_counts_until_it_is_closed) {
    kept_streams<typename TypeParam::stream> kept;
    this->run([&] {
        moving_server<TypeParam> server{[&](auto& client) {
                                            client.write_all("in");
                                            kept.keep(std::move(client));
                                        },
                                        {.max_connections = 2}};
        std::vector<typename TypeParam::stream> clients;
        for (int i = 0; i < 6; ++i) clients.push_back(server.client());
        for (std::size_t served = 2; served <= 6; ++served) {
            support::yield_until([&] { return kept.size() == 2; });
            pirn::sleep_for(2ms);
            EXPECT_EQ(kept.size(), 2U) << "no more than it may";
            kept.close_one();
        }
        support::yield_until([&] { return kept.size() > 0; });
        kept.close_all();
        server.end();
    });
}

TYPED_TEST(serve_moved, stream_is_waited_for_at_a_stop) {
    this->run([] {
        std::atomic<bool> ended = false;
        moving_server<TypeParam> server{[&](auto& client) {
                                            pirn::spawn([&, mine = std::move(client)]() mutable {
                                                echo(mine);
                                                ended = true;
                                            }).detach();
                                        },
                                        {.quiet = 1min, .grace = 1min}};
        auto client = server.client();
        EXPECT_EQ(answer(client, "x"), "x");
        server.stop.request_stop();
        support::yield_until([&] { return !server.kind.listener.is_open(); });
        for (int i = 0; i < 10; ++i) EXPECT_EQ(answer(client, "still"), "still");
        EXPECT_FALSE(ended);
        client.shutdown();
        server.task.get();
        EXPECT_TRUE(ended);
    });
}

TYPED_TEST(serve_moved, stream_that_is_silent_reads_its_end_at_a_stop) {
    this->run([] {
        std::atomic<bool> ended = false;
        moving_server<TypeParam> server{[&](auto& client) {
                                            pirn::spawn([&, mine = std::move(client)]() mutable {
                                                echo(mine);
                                                mine.write_all(
                                                    "bye"); // its handler may still write
                                                ended = true;
                                            }).detach();
                                        },
                                        {.quiet = 10ms, .grace = 1h}};
        auto client = server.client();
        EXPECT_EQ(answer(client, "x"), "x");
        server.stop.request_stop();
        std::array<char, 8> buffer{};
        EXPECT_EQ(client.read(buffer), 3U);
        server.task.get();
        EXPECT_TRUE(ended);
    });
}

TYPED_TEST(serve_moved, stream_that_nobody_closes_is_shut_when_the_grace_is_over) {
    kept_streams<typename TypeParam::stream> kept;
    this->run([&] {
        moving_server<TypeParam> server{[&](auto& client) { kept.keep(std::move(client)); },
                                        {.quiet = 1h, .grace = 30ms}};
        auto client = server.client();
        support::yield_until([&] { return kept.size() == 1; });
        server.end();
        EXPECT_TRUE(at_end(client));
        kept.close_all(); // after the server has gone
    });
}

TYPED_TEST(serve_moved, stream_is_shut_when_the_server_is_cancelled) {
    kept_streams<typename TypeParam::stream> kept;
    this->run([&] {
        moving_server<TypeParam> server{[&](auto& client) { kept.keep(std::move(client)); },
                                        {.grace = 1h}};
        auto client = server.client();
        support::yield_until([&] { return kept.size() == 1; });
        server.task.request_stop();
        EXPECT_THROW(server.task.get(), pirn::cancelled);
        EXPECT_TRUE(at_end(client));
    });
    kept.close_all(); // after the runtime has gone
}

// The server looks at the streams every millisecond, while other tasks move, use and close them.
TYPED_TEST(serve_moved, stream_is_found_at_any_moment) {
    this->run([] {
        using stream = typename TypeParam::stream;
        moving_server<TypeParam> server{[&](stream& client) {
                                            pirn::spawn([mine = std::move(client)]() mutable {
                                                std::array<std::byte, 64> buffer{};
                                                std::error_code gone;
                                                for (stream other; !gone; std::swap(mine, other)) {
                                                    const std::size_t n = mine.read(buffer, gone);
                                                    other = std::move(mine);
                                                    if (n == 0) break;
                                                    other.write_all(std::span{buffer}.first(n),
                                                                    gone);
                                                }
                                            }).detach();
                                        },
                                        {.max_connections = 4, .idle_timeout = 4ms, .quiet = 1ms}};
        std::vector<pirn::join_handle<>> clients;
        for (int i = 0; i < 40; ++i) {
            clients.push_back(pirn::spawn([&, i] {
                std::error_code gone;
                auto client = server.client();
                std::array<char, 1> buffer{};
                for (int round = 0; round < i % 20 && !gone; ++round) {
                    client.write_all("x", gone);
                    if (gone || client.read(buffer, gone) == 0) break;
                }
            }));
        }
        for (auto& each : clients) each.get();
        server.end();
    });
}

// refusing_source: has no stack for the first ones.
class refusing_source final : public pirn::stack_source {
  public:
    explicit refusing_source(int refusals) : refusals_{refusals} {}
    pirn::stack allocate(std::size_t size) override {
        if (refusals_-- > 0) throw std::bad_alloc{};
        return below_.allocate(size);
    }
    void deallocate(const pirn::stack& used) noexcept override { below_.deallocate(used); }

  private:
    int refusals_;
    pirn::mapped_stack_source below_;
};

TYPED_TEST(serve_moved, place_of_who_was_turned_away_is_free_again) {
    this->run([] {
        refusing_source stacks{5};
        moving_server<TypeParam> server{[](auto& client) { echo(client); },
                                        {.max_connections = 1, .stacks = &stacks}};
        for (int i = 0; i < 5; ++i) {
            auto client = server.client();
            std::error_code error;
            std::array<char, 1> buffer{};
            EXPECT_EQ(client.read(buffer, error), 0U) << "turned away";
        }
        auto client = server.client();
        EXPECT_EQ(answer(client, "x"), "x");
        client.close();
        server.end();
    });
}

} // namespace
