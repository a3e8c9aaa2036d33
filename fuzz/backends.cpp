// SPDX-License-Identifier: MIT
//
// Both backends beside each other: the same operations, on two loops with sockets, a pipe and a clock each, have the same
// results and move the same bytes. After each step both run until neither has anything left to say. What is cancelled
// is what waits, so that there is one right answer.
//
// Its planted fault: on one side a receive that has waited, and fills its buffer, says that it is one byte shorter.
#include <pirn/loop/loop.hpp>

#include "backends_side.hpp"
#include "support.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using fuzz::act;
using fuzz::choices;
using fuzz::engine;
using fuzz::require;
using fuzz::require_equal;
using fuzz::side;
using fuzz::slot;
using fuzz::step;

class comparison {
  public:
    comparison(choices& decides, engine& uring, engine& epoll)
        : choices_{decides}, sides_{std::make_unique<side>(uring, false),
                                    std::make_unique<side>(epoll, fuzz::planted)} {}

    void run() {
        for (int count = 0; count < 32 && !choices_.empty() && !over_; ++count) {
            const step next = some_step();
            if (allowed(next)) {
                both(next);
            }
        }
        for (std::size_t i = 0; i < fuzz::slots && !over_; ++i) {
            if (one().at(i).in_flight) {
                both({.what = act::cancel, .slot = i});
            }
        }
        for (const auto& each : sides_) {
            each->finish();
        }
    }

  private:
    side& one() noexcept { return *sides_[0]; }
    side& other() noexcept { return *sides_[1]; }

    step some_step() {
        step next;
        next.what = static_cast<act>(choices_.below(fuzz::acts));
        next.slot = choices_.below(fuzz::slots);
        next.attempt = choices_.flag();
        switch (next.what) {
        case act::poll: {
            constexpr std::array<int, 3> events{POLLIN, POLLOUT, POLLIN | POLLOUT};
            next.descriptor = choices_.between(fuzz::pipe_out, fuzz::pipe_in);
            next.flags = events[choices_.below(events.size())];
            break;
        }
        case act::write_pipe: next.descriptor = fuzz::pipe_in; break;
        case act::read_pipe: next.descriptor = fuzz::pipe_out; break;
        case act::close: next.descriptor = choices_.below(fuzz::descriptors); break;
        case act::shutdown: {
            constexpr std::array how{SHUT_RD, SHUT_WR, SHUT_RDWR};
            next.flags = how[choices_.below(how.size())];
            next.descriptor = choices_.below(fuzz::sockets);
            break;
        }
        default: next.descriptor = choices_.below(fuzz::sockets); break;
        }
        next.size = choices_.one_in(4) ? fuzz::longest : choices_.between(1, 64);
        next.first_byte = next_byte_;
        next_byte_ = static_cast<unsigned char>(next_byte_ + next.size);
        return next;
    }

    static bool sends(act what) noexcept {
        return what == act::send || what == act::send_zero_copy || what == act::send_vector;
    }

    // Whether a caller may do that: both sides are in the same state.
    bool allowed(const step& next) {
        const slot& into = one().at(next.slot);
        switch (next.what) {
        case act::cancel: return into.in_flight;
        case act::withdraw: return into.in_flight && into.what == act::timer;
        case act::advance: return true;
        case act::write_pipe: // not by us is SIGPIPE to be raised
        case act::read_pipe: return one().is_open(fuzz::pipe_in) && one().is_open(fuzz::pipe_out);
        case act::timer:
        case act::nop: return !into.in_flight;
        default: break;
        }
        if (into.in_flight || !one().is_open(next.descriptor)) {
            return false;
        }
        for (std::size_t i = 0; i < fuzz::slots; ++i) {
            const slot& each = one().at(i);
            const bool same = each.in_flight && each.descriptor == next.descriptor &&
                              each.what != act::timer && each.what != act::nop;
            if (same && (next.what == act::close || each.what == next.what ||
                         (sends(each.what) && sends(next.what)))) {
                return false;
            }
        }
        return true;
    }

    void both(const step& next) {
        done_.push_back(next);
        for (const auto& each : sides_) {
            each->begin(next);
        }
        settle();
        for (std::size_t i = 0; i < fuzz::slots && !over_; ++i) {
            compare(one().at(i), other().at(i));
        }
    }

    bool agree() {
        for (std::size_t i = 0; i < fuzz::slots; ++i) {
            if (one().at(i).in_flight != other().at(i).in_flight) {
                return false;
            }
        }
        return true;
    }

    // Whether they differ only in sends that wait on one side, on sockets that the kernel does not call writable. It
    // takes bytes into less room than that, so a send that io_uring tries again for some other reason may succeed.
    bool kernel_disagrees() {
        for (std::size_t i = 0; i < fuzz::slots; ++i) {
            const bool first = one().at(i).in_flight;
            if (first != other().at(i).in_flight) {
                side& waits = first ? one() : other();
                if (!sends(waits.at(i).what) || waits.is_writable(waits.at(i).descriptor)) {
                    return false;
                }
            }
        }
        return true;
    }

    // Until both have the same operations in flight for three turns on end. The kernel may need a moment.
    void settle() {
        constexpr int turns_max = 2000;
        constexpr int patient = 50; // turns without a pause
        for (int turns = 0, quiet = 0; quiet < 3; ++turns) {
            if (turns > patient && kernel_disagrees()) {
                over_ = true;
                return;
            }
            if (turns == turns_max) {
                describe();
            }
            require(turns < turns_max, "the same operations complete on both backends");
            for (const auto& each : sides_) {
                each->turn();
            }
            quiet = agree() ? quiet + 1 : 0;
            if (turns > patient) {
                ::usleep(100);
            }
        }
    }

    void compare(const slot& mine, const slot& theirs) {
        require_equal(mine.in_flight, theirs.in_flight, "both wait, or neither");
        if (!mine.result) {
            return;
        }
        require_equal(other().result_of(theirs), one().result_of(mine),
                      "an operation has the same result on both backends");
        if (mine.what == act::receive && *mine.result > 0) {
            require(std::memcmp(mine.buffer.data(), theirs.buffer.data(),
                                static_cast<std::size_t>(*mine.result)) == 0,
                    "both have received the same bytes");
        }
    }

    // The steps, and what each side has made of them.
    void describe() {
        for (const step& each : done_) {
            std::fprintf(stderr,
                         "act %d: slot %zu, descriptor %zu, %zu bytes, flags %d, attempt %d\n",
                         static_cast<int>(each.what), each.slot, each.descriptor, each.size,
                         each.flags, each.attempt ? 1 : 0);
        }
        for (std::size_t i = 0; i < fuzz::slots; ++i) {
            for (std::size_t which = 0; which < sides_.size(); ++which) {
                const slot& each = sides_[which]->at(i);
                std::fprintf(stderr, "slot %zu, side %zu: %s, result %d\n", i, which,
                             each.in_flight ? "in flight" : "idle", each.result.value_or(0));
            }
        }
    }

    choices& choices_;
    std::vector<step> done_;
    bool over_ = false; // the two sides are no longer in the same state, with good reason
    std::array<std::unique_ptr<side>, 2> sides_;
    unsigned char next_byte_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static engine uring{pirn::backend_kind::uring};
    static engine epoll{pirn::backend_kind::epoll};
    static const bool differ =
        std::strcmp(uring.loop.backend_name(), epoll.loop.backend_name()) != 0;
    require(
        differ,
        "the kernel grants io_uring, and PIRN_BACKEND is not set: else there is nothing to compare");
    choices decides{data, size};
    comparison{decides, uring, epoll}.run();
    return 0;
}
