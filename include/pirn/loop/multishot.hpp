// SPDX-License-Identifier: MIT
//
// Operations that report several times per submit.
//
//             submit          something came: done(operation), more() == true, result() says what
//      idle ────────► in_flight ─────────┐
//       ▲              │   ▲             │
//       │              │   └─────────────┘
//       │              │ the end, an error, or cancelled
//       └──────────────┘ done(operation), more() == false, result() says why
//
// The call with more() == false is the last, and only then does the operation belong to the caller again:
// before, it may be cancelled but neither changed nor destroyed. After a cancel, what had come until then
// is still reported, and the last call has -ECANCELED: nothing is lost. A turn of the loop reports at most
// what one operation can hold, and goes on in the next turn.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/loop/operation.hpp>

#include <array>
#include <cstdint>

namespace pirn {

// multishot_operation: what they have in common.
class PIRN_EXPORT multishot_operation : public operation {
  protected:
    multishot_operation(operation_kind kind, completion done) noexcept : operation{kind, done} {}
    ~multishot_operation() { require_idle(); } // before its place among the reports goes

  private:
    friend struct detail::operation_access;

    list_link report_; // in the loop's queue of those that have something to report
    int last_ = 0;     // the result of the last call
    bool ended_ = false;
};

// accept_many_operation: each report is a new descriptor: close-on-exec, fit for this loop, and the
// caller's. It ends with an error: -EMFILE and -ENFILE too, and backing off is the caller's. 128 bytes on
// a 64-bit machine.
class accept_many_operation : public multishot_operation {
  public:
    accept_many_operation(int listener, completion done) noexcept
        : multishot_operation{operation_kind::accept_many, done}, descriptor{listener} {}

    int descriptor;

  private:
    friend struct detail::operation_access;
    static constexpr std::uint8_t room = 16;
    std::array<int, room> accepted_{}; // a ring of those that are still to be reported
    std::uint8_t first_ = 0;
    std::uint8_t count_ = 0;
};

} // namespace pirn
