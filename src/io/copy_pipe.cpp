// SPDX-License-Identifier: MIT
//
// The pipes through which the kernel moves bytes from one socket to another. Each costs two descriptors, and up to its
// size of memory while bytes are inside; hence there are few, and only while something is copied between sockets.
//
//              borrowed_pipe                 its end, empty                the last pipe_user's end
//   (none) ───────────────────► in use ───────────────────────► spare ───────────────────────────► closed
//                                 │ its end, bytes inside          │ borrowed_pipe
//                                 └────► closed                    └────► in use
//
// Shared state: the store, under its guard. In a child after fork the spare ones are the parent's, and are not used.
#include <pirn/base/spin_lock.hpp>

#include "io/copy_ways.hpp"
#include "os/fork.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace pirn::io::detail {
namespace {

using pirn::detail::holding;

// What a pipe is asked to hold. An unprivileged user may have 64 MiB of them in all.
constexpr int wanted_size = 1 << 20;
constexpr std::size_t most_in_use = 32;
constexpr std::size_t most_spare = 8;

struct pipe_ends {
    os::handle out;
    os::handle in;
};

struct store {
    pirn::detail::spin_lock guard;
    std::array<pipe_ends, most_spare> spare;
    std::size_t spares = 0;
    std::size_t in_use = 0;
    std::size_t users = 0;
    unsigned generation = os::fork_generation();

    // forget_parents: what a fork has copied counts for the parent; its pipes are closed here.
    void forget_parents() noexcept {
        if (generation != os::fork_generation()) {
            generation = os::fork_generation();
            spare = {};
            spares = in_use = users = 0;
        }
    }
};

store& pipes() noexcept {
    static store all;
    return all;
}

} // namespace

pipe_user::pipe_user() noexcept {
    store& all = pipes();
    const holding held{all.guard};
    all.forget_parents();
    ++all.users;
}

pipe_user::~pipe_user() {
    store& all = pipes();
    std::array<pipe_ends, most_spare> closed;
    {
        const holding held{all.guard};
        all.forget_parents();
        if (all.users == 0) {
            return; // the users of before a fork
        }
        --all.users;
        if (all.users == 0) {
            std::swap(closed, all.spare);
            all.spares = 0;
        }
    }
}

borrowed_pipe::borrowed_pipe() noexcept {
    store& all = pipes();
    {
        const holding held{all.guard};
        if (all.in_use == most_in_use) {
            return;
        }
        ++all.in_use;
        if (all.spares > 0) {
            pipe_ends& last = all.spare[--all.spares];
            out_ = std::move(last.out);
            in_ = std::move(last.in);
        }
    }
    std::array<int, 2> made{};
    if (!out_ && ::pipe2(made.data(), O_CLOEXEC) == 0) {
        out_ = os::handle{made[0]};
        in_ = os::handle{made[1]};
        ::fcntl(in_.get(), F_SETPIPE_SZ, wanted_size); // a refusal leaves it as it is
    }
    if (!out_) {
        const holding held{all.guard};
        --all.in_use;
        return;
    }
    room_ = static_cast<std::size_t>(std::max(::fcntl(in_.get(), F_GETPIPE_SZ), 4096));
}

borrowed_pipe::~borrowed_pipe() {
    if (!out_) {
        return;
    }
    store& all = pipes();
    const holding held{all.guard};
    all.forget_parents();
    if (all.in_use > 0) {
        --all.in_use;
    }
    if (inside == 0 && all.users > 0 && all.spares < most_spare) {
        all.spare[all.spares++] = {std::move(out_), std::move(in_)};
    }
}

} // namespace pirn::io::detail
