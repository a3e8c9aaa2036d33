// SPDX-License-Identifier: MIT
//
// A pipeline: numbers are made, squared by three workers, put back into order, and summed; each stage is a task and
// between two of them is a channel. A stage ends when what comes in ends, and says so to the next by closing.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <map>
#include <optional>
#include <utility>

namespace {

constexpr long last = 10'000;
constexpr int workers = 3;

struct item {
    long position;
    long value;
};

void make(pirn::channel<item>& out) {
    for (long i = 1; i <= last; ++i) out.send({i, i});
    out.close();
}

void square(pirn::channel<item>& in, pirn::channel<item>& out) {
    for (const item& each : in) out.send({each.position, each.value * each.value});
}

// What comes too early waits here.
void put_in_order(pirn::channel<item>& in, pirn::channel<long>& out) {
    std::map<long, long> early;
    long next = 1;
    for (const item& each : in) {
        early.emplace(each.position, each.value);
        for (auto at = early.begin(); at != early.end() && at->first == next;
             at = early.erase(at)) {
            out.send(at->second);
            ++next;
        }
    }
    out.close();
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "A pipeline of tasks with channels between them.");
    const long sum = pirn::run([] {
        pirn::channel<item> made{16};
        pirn::channel<item> squared{16};
        pirn::channel<long> ordered; // hand to hand
        auto maker = pirn::spawn([&] { make(made); });
        auto squarers = pirn::spawn([&] {
            pirn::latch finished{workers};
            for (int i = 0; i < workers; ++i) {
                pirn::spawn([&] {
                    square(made, squared);
                    finished.count_down();
                }).detach();
            }
            finished.wait();
            squared.close();
        });
        auto orderer = pirn::spawn([&] { put_in_order(squared, ordered); });

        long total = 0;
        long before = 0;
        for (const long value : ordered) {
            if (value <= before) std::puts("out of order");
            before = value;
            total += value;
        }
        maker.get();
        squarers.get();
        orderer.get();
        return total;
    });
    std::printf("the sum of the squares up to %ld is %ld\n", last, sum);
    std::puts(pirn::to_string(pirn::live()).c_str());
    return sum == last * (last + 1) * (2 * last + 1) / 6 ? 0 : 1;
}
