// SPDX-License-Identifier: MIT
//
// What many coroutines cost, and coroutines in coroutines: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/reclaim.hpp>
#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include "support/account.hpp"

#include <cstddef>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

class growth : public support::balanced<> {};

using plain_coroutine = pirn::coroutine<>;

void trim() { pirn::trim_default_stacks(); }

std::vector<plain_coroutine> many_suspended(std::size_t n, const pirn::coroutine_options& options) {
    std::vector<plain_coroutine> all;
    all.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        all.emplace_back(options, [](pirn::yielder<>& yield) { yield(); });
        all.back().resume();
    }
    return all;
}

TEST_F(growth, coroutines_that_end_in_random_order) {
    support::expect_linear(
        500,
        [](std::size_t n) {
            std::vector<plain_coroutine> all = many_suspended(n, {});
            for (const std::size_t i : support::shuffled(n)) all[i].resume();
            all.clear();
            trim(); // or the first thousand were cheaper than the others
        },
        trim);
}

TEST_F(growth, coroutines_destroyed_in_random_order) {
    support::expect_linear(
        500,
        [](std::size_t n) {
            std::vector<plain_coroutine> all = many_suspended(n, {});
            for (const std::size_t i : support::shuffled(n)) {
                const plain_coroutine gone = std::move(all[i]);
            }
            trim();
        },
        trim);
}

TEST_F(growth, reclaiming_stacks) {
    SKIP_WHEN(support::by_ucontext, "the portable switch does not tell the stack pointer");
    support::expect_linear(1000, [](std::size_t n) {
        pirn::slab_stack_source slab{{.stack_size = std::size_t{32} * 1024}};
        std::vector<plain_coroutine> all =
            many_suspended(n, {.stack_size = std::size_t{32} * 1024, .stacks = &slab});
        std::vector<pirn::coroutine_ref> refs;
        for (const plain_coroutine& each : all) refs.push_back(each.ref());
        const auto took = support::time_of([&] {
            pirn::reclaim(refs);
            pirn::reclaim_idle(refs);
        });
        for (plain_coroutine& each : all) each.resume();
        return took;
    });
}

// One in the other; the innermost returns first.
void one_in_another(std::size_t depth) {
    if (depth > 0) {
        plain_coroutine inner{{.stack_size = std::size_t{16} * 1024},
                              [depth] { one_in_another(depth - 1); }};
        inner.resume();
    }
}

TEST_F(growth, coroutines_in_coroutines) {
    support::expect_linear(500, [](std::size_t n) {
        one_in_another(n);
        trim();
    });
}

} // namespace
