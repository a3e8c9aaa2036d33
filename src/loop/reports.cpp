// SPDX-License-Identifier: MIT
//
// What multishot operations have to report.
#include "loop/reports.hpp"

#include "loop/buffers.hpp"

namespace pirn::detail {
namespace {

receive_borrowed_operation* as_borrowed(multishot_operation& what) noexcept {
    return what.kind() == operation_kind::receive_borrowed
               ? &static_cast<receive_borrowed_operation&>(what)
               : nullptr;
}

} // namespace

bool take_report(multishot_operation& what) noexcept {
    if (receive_borrowed_operation* const borrowed = as_borrowed(what)) {
        return operation_access::pool(*borrowed).report(*borrowed);
    }
    int descriptor = -1;
    if (!operation_access::take_accepted(static_cast<accept_many_operation&>(what), descriptor)) {
        return false;
    }
    operation_access::set_result(what, descriptor);
    return true;
}

void drop_report(multishot_operation& what) noexcept {
    if (receive_borrowed_operation* const borrowed = as_borrowed(what)) {
        borrowed->lease.reset();
    }
}

bool reports_once(const multishot_operation& what) noexcept {
    return what.kind() == operation_kind::receive_borrowed &&
           static_cast<const receive_borrowed_operation&>(what).how_often == shots::one;
}

void count_user(multishot_operation& what, int change) noexcept {
    if (receive_borrowed_operation* const borrowed = as_borrowed(what)) {
        operation_access::pool(*borrowed).users += static_cast<unsigned>(change);
    }
}

} // namespace pirn::detail
