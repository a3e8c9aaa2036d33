// SPDX-License-Identifier: MIT
//
// Idling on an event loop.
#include "runtime/loop_idler.hpp"

namespace pirn::detail {
namespace {

constexpr char kind_tag = 0; // only its address matters

} // namespace

loop_idler::loop_idler(loop& serves) noexcept : idler{&kind_tag}, loop_{serves} {}

void loop_idler::poll() { loop_.run(run_mode::nowait); }

void loop_idler::wait() { loop_.run(run_mode::once); }

void loop_idler::wait_until(time_point deadline) { loop_.run(run_mode::once, deadline); }

bool loop_idler::expects_news() const noexcept { return loop_.pending() > 0; }

void loop_idler::wake() noexcept { loop_.wake(); }

loop* loop_of(idler& any) noexcept {
    return any.kind() == &kind_tag ? &static_cast<loop_idler&>(any).serves() : nullptr;
}

} // namespace pirn::detail
