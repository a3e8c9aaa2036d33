// SPDX-License-Identifier: MIT
//
// A chat room, line by line: the first line of a client is its name, each further one goes to all the others, on
// whatever thread they are. Try it with two terminals and `nc localhost PORT`.
//
// Who does not read its lines holds up nobody: the room keeps the last thousand, and tells a client how many it
// has missed.
#include <pirn/io/reader.hpp>
#include <pirn/pirn.hpp>

#include "server_program.hpp"

#include <memory>
#include <string>

namespace net = pirn::net;

namespace {

constexpr std::size_t longest_line = 1024;

// line: what is said, by whom; shared, so that a thousand receivers do not make a thousand copies.
struct line {
    std::string text;
    const void* from;
};

class room {
  public:
    void say(std::string text, const void* from) {
        said_.send(std::make_shared<const line>(line{std::move(text) + "\n", from}));
    }
    auto listen() { return said_.subscribe(); }

  private:
    pirn::broadcast<std::shared_ptr<const line>> said_{1000};
};

// Writes what the others say, until it is cancelled or the client is gone.
void speak(net::tcp_stream& client, decltype(std::declval<room&>().listen())& hears) {
    std::error_code gone;
    while (!gone) {
        const auto next = hears.receive();
        if (next->missed > 0) {
            client.write_all("* " + std::to_string(next->missed) + " lines were too many for you\n",
                             gone);
        }
        if (next->value->from != &client) client.write_all(next->value->text, gone);
    }
}

void attend(room& all, net::tcp_stream& client) {
    pirn::io::reader lines{client, longest_line};
    std::error_code error;
    client.write_all("* your name?\n", error);
    const auto first = lines.line(error);
    if (!first || first->empty()) return;
    const std::string name{*first};

    auto hears = all.listen();
    all.say("* " + name + " is here", &client);
    client.write_all("* welcome, " + name + "\n", error);
    {
        pirn::task_group speaking; // its destructor ends it
        speaking.spawn([&] { speak(client, hears); });
        while (const auto next = lines.line(error)) {
            all.say(name + ": " + std::string{*next}, &client);
        }
    }
    if (error == std::errc::message_size) client.write_all("* that was too long a line\n", error);
    all.say("* " + name + " has left", &client);
}

} // namespace

int main(int argc, char** argv) {
    example::server_program program{
        argc, argv, "chat",
        "A chat room: the first line of a client is its name, each further one goes to all the others."};
    room all;
    return program.run([&](const net::address& where, auto ready, std::stop_token stop) {
        auto listener = net::tcp_listen(where, {.reuse_port = program.several_threads()});
        ready(listener.local_address());
        net::serve(
            listener, [&](net::tcp_stream& client) { attend(all, client); },
            {.max_connections = program.connections_of_a_thread(), .stop = stop, .name = "client"});
    });
}
