// SPDX-License-Identifier: MIT
//
// The clients of soak: conversations whose every byte is looked at.
#pragma once

#include <pirn/pirn.hpp>

#include <cstddef>
#include <mutex>
#include <random>
#include <system_error>
#include <vector>

namespace soak {

// tally: of the conversations of one kind.
struct tally {
    const char* name;
    std::size_t whole = 0, broken = 0, cancelled = 0, bytes = 0, wrong = 0;
};

// tallies: one sum for each kind, to which clients on several threads add theirs. Thread-safe but for `all`.
struct tallies {
    std::vector<tally> all;
    std::mutex mutex;

    void add(std::size_t kind, const tally& own);
};

// talk: sends `size` bytes and half an end, and compares what comes back; whether that was all of it. Suspends.
bool talk(pirn::net::stream_socket& stream, std::size_t size, unsigned seed, tally& sum);

// talk_to_the_end: the same where nothing may cut it short. Suspends.
bool talk_to_the_end(pirn::net::stream_socket& stream, std::size_t size, unsigned seed, tally& sum);

// talk_by_datagram: one there, and one back. Suspends.
bool talk_by_datagram(const pirn::net::address& to, unsigned seed, tally& sum);

// keep_talking: one conversation after the other; of four, one is cancelled at a random moment. Suspends.
template <class Conversation>
void keep_talking(unsigned seed, pirn::time_point until, std::size_t kind, tallies& sums,
                  Conversation talk_once) {
    std::mt19937 random{seed};
    tally sum{""};
    while (pirn::clock::now() < until) {
        const auto limit = random() % 4 == 0 ? pirn::duration{random() % 5'000'000}
                                             : pirn::duration{30'000'000'000};
        try {
            const auto whole = pirn::try_with_timeout(
                limit, [&] { return talk_once(static_cast<unsigned>(random()), sum); });
            ++(!whole ? sum.cancelled : *whole ? sum.whole : sum.broken);
        } catch (const std::system_error&) { // no descriptor, refused, reset
            ++sum.broken;
            pirn::sleep_for(std::chrono::milliseconds{1});
        }
    }
    sums.add(kind, sum);
}

// starve: now and then nothing can be opened any more, for a moment. Suspends.
void starve(pirn::time_point until);

} // namespace soak
