// SPDX-License-Identifier: MIT
//
// The addresses of hosts, asked for at the same time, printed in the order of the command line. Exits with 1 when one
// of them could not be found.
//
//   resolve localhost example.org --family v6
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace net = pirn::net;

namespace {

struct host {
    std::string_view name;
    std::vector<net::address> addresses = {};
    std::error_code error = {};
};

bool print(const host& of) {
    if (of.error) {
        std::fprintf(stderr, "resolve: %.*s: %s\n", static_cast<int>(of.name.size()),
                     of.name.data(), of.error.message().c_str());
        return false;
    }
    for (const auto& each : of.addresses) {
        std::printf("%.*s %s\n", static_cast<int>(of.name.size()), of.name.data(),
                    each.host().c_str());
    }
    return true;
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{argc, argv,
                               "[--family any|v4|v6] [--backend auto|uring|epoll] HOST...",
                               "Prints the addresses of hosts."};
    const auto wanted = line.text("--family").value_or("any");
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    const auto family = wanted == "v4"   ? net::address_family::v4
                        : wanted == "v6" ? net::address_family::v6
                                         : net::address_family::any;
    std::vector<host> hosts;
    for (auto name = line.operand(""); !name.empty(); name = line.operand(""))
        hosts.push_back({name});
    line.done();

    pirn::run(with, [&] {
        net::resolver names;
        pirn::task_group asking;
        for (host& each : hosts) {
            asking.spawn(
                [&] { each.addresses = names.resolve(each.name, "0", family, each.error); });
        }
        asking.wait();
    });
    bool all = true;
    for (const host& each : hosts) all = print(each) && all;
    std::puts(pirn::to_string(pirn::live()).c_str());
    return all ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "resolve: %s\n", error.what());
    return 1;
}
