// SPDX-License-Identifier: MIT
//
// The prime sieve of Hoare's "Communicating Sequential Processes" (1978), as a chain of tasks: each holds a prime and
// lets pass what it does not divide; what passes all is the next prime, and gets a task of its own.
//
//   2, 3, 4, 5 … ──► not by 2 ──► not by 3 ──► not by 5 ──► …
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <memory>
#include <vector>

namespace {

void count_from_two(pirn::channel<int>& out) {
    for (int i = 2; out.send(i); ++i) {
    }
}

void sieve(pirn::channel<int>& in, pirn::channel<int>& out, int prime) {
    while (const auto number = in.receive()) {
        if (*number % prime != 0 && !out.send(*number)) break;
    }
    in.close(); // whoever sends to us can go too
}

std::vector<int> primes(std::size_t count) {
    std::vector<int> found;
    auto next = std::make_shared<pirn::channel<int>>();
    pirn::spawn([out = next] { count_from_two(*out); }).detach();
    while (found.size() < count) {
        found.push_back(*next->receive());
        auto filtered = std::make_shared<pirn::channel<int>>();
        pirn::spawn([in = next, out = filtered, prime = found.back()] {
            sieve(*in, *out, prime);
        }).detach();
        next = filtered;
    }
    next->close();
    return found;
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "The first hundred primes, by a chain of tasks.");
    const std::vector<int> found = pirn::run([] { return primes(100); });
    for (std::size_t i = 0; i < found.size(); ++i) {
        std::printf("%4d%s", found[i], i % 10 == 9 ? "\n" : "");
    }
    std::puts(pirn::to_string(pirn::live()).c_str());
    return found.back() == 541 ? 0 : 1;
}
