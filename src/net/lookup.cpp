// SPDX-License-Identifier: MIT
//
// getaddrinfo on the blocking pool.
#include "net/lookup.hpp"

#include <pirn/base/error.hpp>
#include <pirn/loop/work.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/spawn.hpp>

#include <cerrno>
#include <new>

#include <netdb.h>
#include <sys/socket.h>

namespace pirn::net::detail {
namespace {

std::error_code error_of_lookup(int code, int system) noexcept {
    switch (code) {
    case 0: return {};
    case EAI_NONAME: return resolve_errc::host_not_found;
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return resolve_errc::no_address;
    case EAI_AGAIN: return resolve_errc::try_again;
    case EAI_FAIL: return resolve_errc::no_recovery;
    case EAI_SERVICE: return resolve_errc::unknown_service;
    case EAI_MEMORY: return resolve_errc::out_of_memory;
    case EAI_SYSTEM: return {system, std::system_category()};
    default: return resolve_errc::other;
    }
}

} // namespace

struct lookup::job : work_operation {
    job(const question& asked, completion done) noexcept
        : work_operation{&ask, done}, what{asked} {}

    // On a thread of the pool.
    static int ask(work_operation& self) noexcept {
        auto& mine = static_cast<job&>(self);
        addrinfo hints{};
        hints.ai_family = mine.what.family == address_family::v4   ? AF_INET
                          : mine.what.family == address_family::v6 ? AF_INET6
                                                                   : AF_UNSPEC;
        hints.ai_socktype =
            SOCK_STREAM; // one entry for each address, and not one for each kind of socket
        errno = 0;
        mine.code =
            ::getaddrinfo(mine.what.host.c_str(), mine.what.service.c_str(), &hints, &mine.found);
        mine.system = errno;
        return 0;
    }

    const question& what;
    addrinfo* found = nullptr;
    int code = 0;
    int system = 0; // errno, if it is that
};

bool lookup::ask() {
    if (!answered() && !task_.valid()) {
        task_ = pirn::spawn({.name = "lookup",
                             .worker = this_worker,
                             .where = pirn::detail::place_of_current_task()},
                            [self = shared_from_this()] { self->run(); });
    }
    struct counted {
        explicit counted(lookup& of) noexcept : which{of} { ++which.waiting_; }
        counted(const counted&) = delete;
        counted& operator=(const counted&) = delete;
        ~counted() {
            if (--which.waiting_ == 0 && which.task_.valid()) {
                // The task holds the lookup; it is not to be waited for here.
                if (!which.answered()) {
                    which.abandoned_ = true;
                    which.task_.request_stop();
                }
                which.task_.detach();
            }
        }
        lookup& which;
    } const here{*this};
    try {
        answered_.wait();
    } catch (const cancelled&) {
        return false;
    }
    return true;
}

void lookup::run() {
    awaitable<job> asked{what_};
    const int result = await(asked);
    struct freed {
        ~freed() {
            if (of.found != nullptr) {
                ::freeaddrinfo(of.found);
            }
        }
        job& of;
    } const at_the_end{asked};
    error_ = result < 0 ? error_of(result) : error_of_lookup(asked.code, asked.system);
    if (!error_) {
        take(asked);
    }
    answered_.set();
}

void lookup::take(const job& done) try {
    for (const addrinfo* each = done.found; each != nullptr; each = each->ai_next) {
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6) {
            addresses_.push_back(address::from(each->ai_addr, each->ai_addrlen));
        }
    }
    if (addresses_.empty()) {
        error_ = resolve_errc::no_address;
    }
} catch (const std::bad_alloc&) {
    error_ = resolve_errc::out_of_memory;
}

} // namespace pirn::net::detail
