// SPDX-License-Identifier: MIT
//
// The io_uring backend: requests that are answered more than once.
#include <pirn/loop/multishot.hpp>

#include "loop/uring/uring.hpp"

#include <cerrno>

namespace pirn::detail {

// The kernel ends a multishot request when it likes, with a result like any other: then it is asked again.
void uring_backend::complete_accept_many(accept_many_operation& what, int result,
                                         bool more) noexcept {
    if (result < 0) {
        complete_last(what, result);
        return;
    }
    operation_access::put_accepted(what, result);
    report(what);
    if (!more) {
        retry(what);
    }
}

void uring_backend::complete_zero_copy(operation& what, const io_uring_cqe& completion) noexcept {
    std::uint8_t& flags = operation_access::flags(what);
    if ((flags & zero_copy_flag::plain) != 0) {
        complete_send(what, completion.res);
        return;
    }
    const bool let_go = (completion.flags & IORING_CQE_F_NOTIF) != 0;
    if (!let_go && (completion.flags & IORING_CQE_F_MORE) != 0) {
        operation_access::set_result(what, completion.res);
        flags |= zero_copy_flag::answered;
        return;
    }
    flags &= static_cast<std::uint8_t>(~zero_copy_flag::answered);
    const int result = let_go ? what.result() : completion.res;
    if (result == -EOPNOTSUPP || result == -EINVAL) {
        flags |= zero_copy_flag::plain; // a kind of socket that cannot do it
        retry(what);
    } else {
        complete_last(what, result);
    }
}

} // namespace pirn::detail
