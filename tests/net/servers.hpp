// SPDX-License-Identifier: MIT
//
// What the suites of serve share: a server in a task beside the test, a handler, and a client's questions.
#pragma once

#include <pirn/net/serve.hpp>

#include "net/pairs.hpp"

#include <array>
#include <stop_token>
#include <string>
#include <string_view>

namespace support {

inline void echo(pirn::net::stream_socket& client) {
    std::array<std::byte, 4096> buffer{};
    std::error_code gone;
    while (const std::size_t n = client.read(buffer, gone)) {
        client.write_all(std::span{buffer}.first(n), gone);
        if (gone) return;
    }
}

// A server in a task beside the test.
struct running {
    template <class Handler>
    explicit running(Handler handler, pirn::net::serve_options options = {}) {
        options.stop = stop.get_token();
        task = pirn::spawn(
            [this, handler, options]() mutable { pirn::net::serve(listener, handler, options); });
    }
    pirn::net::tcp_stream client() { return pirn::net::tcp_connect(where); }
    void end() {
        stop.request_stop();
        task.get();
    }

    std::stop_source stop;
    pirn::net::tcp_listener listener = any_listener();
    pirn::net::address where = listener.local_address();
    pirn::join_handle<> task;
};

inline std::string answer(pirn::net::stream_socket& stream, std::string_view question) {
    stream.write_all(question);
    std::string got(question.size(), ' ');
    for (std::size_t n = 0; n < got.size();) {
        const std::size_t more = stream.read(std::span{got}.subspan(n));
        if (more == 0) return got.substr(0, n);
        n += more;
    }
    return got;
}

inline bool at_end(pirn::net::stream_socket& stream) {
    std::array<char, 8> buffer{};
    return stream.read(buffer) == 0;
}

} // namespace support
