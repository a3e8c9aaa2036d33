// SPDX-License-Identifier: MIT
//
// Producers and consumers around a bounded channel: who is faster waits for who is slower. One of the producers is
// a plain thread, outside of any runtime.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

namespace {

constexpr int each = 1000;

// The last one to finish closes the channel, and so ends the consumers' loops.
void produce(pirn::channel<int>& into, pirn::latch& finished, int first) {
    for (int i = 0; i < each; ++i) into.send(first + i);
    finished.count_down();
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "Producers and consumers around a bounded channel.");
    pirn::channel<int> goods{8};
    pirn::latch finished{3};
    long sum = 0;
    int count = 0;
    std::size_t most = 0;

    std::jthread outside{[&] { produce(goods, finished, 0); }};
    pirn::run([&] {
        pirn::spawn([&] { produce(goods, finished, each); }).detach();
        pirn::spawn([&] { produce(goods, finished, 2 * each); }).detach();
        for (int i = 0; i < 2; ++i) {
            pirn::spawn([&] {
                for (const int one : goods) {
                    most = std::max(most, goods.size());
                    sum += one;
                    if (++count % 500 == 0)
                        pirn::sleep_for(1ms); // a slow one holds up the producers
                }
            }).detach();
        }
        finished.wait();
        goods.close();
    });
    outside.join();

    std::printf("%d values arrived, at most %zu of them waiting at a time; their sum is %ld\n",
                count, most, sum);
    std::puts(pirn::to_string(pirn::live()).c_str());
    constexpr long all = 3L * each;
    return count == all && sum == all * (all - 1) / 2 && most <= goods.capacity() ? 0 : 1;
}
