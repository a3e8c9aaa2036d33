// SPDX-License-Identifier: MIT
//
// The dining philosophers: five at a table with five forks, each of whom needs both of his. Taken one after the
// other the forks could all be taken, with nobody able to eat; std::scoped_lock takes two mutexes without that,
// and a fair mutex lets nobody starve.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t seats = 5;
constexpr int meals = 20;

struct table {
    std::array<pirn::mutex, seats> forks;
    pirn::barrier<> seated{seats};
    int eating = 0;
    int eating_most = 0;
    std::array<int, seats> eaten{};
};

void philosopher(table& at, std::size_t seat) {
    at.seated.arrive_and_wait(); // nobody begins before all are there
    for (int meal = 0; meal < meals; ++meal) {
        const std::scoped_lock both{at.forks[seat], at.forks[(seat + 1) % seats]};
        at.eating_most = std::max(at.eating_most, ++at.eating);
        pirn::sleep_for(100us);
        --at.eating;
        ++at.eaten[seat];
    }
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "The dining philosophers, with fair mutexes.");
    table dinner;
    pirn::run([&] {
        for (std::size_t seat = 0; seat < seats; ++seat) {
            pirn::spawn({.name = "philosopher"}, [&, seat] { philosopher(dinner, seat); }).detach();
        }
    });
    for (std::size_t seat = 0; seat < seats; ++seat) {
        std::printf("philosopher %zu ate %d times\n", seat, dinner.eaten[seat]);
    }
    std::printf("at most %d at a time\n", dinner.eating_most);
    std::puts(pirn::to_string(pirn::live()).c_str());
    const bool all_ate =
        std::ranges::all_of(dinner.eaten, [](int count) { return count == meals; });
    return all_ate && dinner.eating_most <= 2 ? 0 : 1;
}
