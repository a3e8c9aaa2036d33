// SPDX-License-Identifier: MIT
//
// How a measured coroutine's stack looks at the beginning, and what is read from it afterwards:
//
//   low                                            body          high
//   ┌─────────┬──────────────────────────────────────┬──────────────┐
//   │ canary? │ paint, or pages that are not there   │ frame and so │
//   └─────────┴──────────────────────────────────────┴──────────────┘
//
// Once pages below a suspended coroutine were given back (reclaim), what was used until then is remembered in
// the footing, and what it uses from there on is told by the page.
#include "coro/measure.hpp"

#include "stack/give_back.hpp"
#include "stack/measure.hpp"
#include "stack/overflow.hpp"

#include <algorithm>

namespace pirn::detail {
namespace {

constexpr std::size_t unit = 16; // of footing::most_used

bool owns_pages(const stack_source* source) noexcept {
    return source != nullptr && source->owns_pages();
}

// The part of a stack between the canary, if there is one, and the body.
std::span<std::byte> unused_part(const stack& where, const std::byte* body) noexcept {
    const auto below = static_cast<std::size_t>(body - where.memory.data());
    const std::size_t skipped = where.guard_size == 0 ? sizeof canary : 0;
    return where.memory.subspan(skipped, below - skipped);
}

} // namespace

void begin_measuring(footing& ground, const std::byte* body, bool by_byte) noexcept {
    const std::span<std::byte> unused = unused_part(ground.where, body);
    const bool by_page = !by_byte && stacks_are_measured() != measuring::by_byte &&
                         owns_pages(ground.source) && pages_are_fine_enough(ground.where);
    ground.most_used = 0;
    // The second can fail: memory that is locked keeps its pages, and those that earlier tenants have touched.
    if (by_page && clear_unused(unused)) {
        ground.mark = watermark::page;
        return;
    }
    paint(unused);
    ground.mark = watermark::byte;
}

std::optional<stack_usage> stack_usage_of(const frame& of) noexcept {
    const stack& where = of.where();
    if (of.ground->mark == watermark::byte) {
        const auto* body = reinterpret_cast<const std::byte*>(&of);
        const std::size_t same = painted(unused_part(where, body));
        const std::size_t skipped = where.guard_size == 0 ? sizeof canary : 0;
        return stack_usage{where.memory.size() - skipped - same, stack_precision::byte};
    }
    if (!owns_pages(of.ground->source)) {
        return std::nullopt;
    }
    std::optional<stack_usage> used = pirn::stack_usage_of(where);
    if (used) {
        used->bytes = std::max<std::size_t>(used->bytes, of.ground->most_used * unit);
    }
    return used;
}

std::optional<std::size_t> stack_used(const frame& of) noexcept {
    const std::optional<stack_usage> used = stack_usage_of(of);
    return used ? std::optional{used->bytes} : std::nullopt;
}

void finish_measuring(const frame& ended) noexcept {
    if (const std::optional<stack_usage> used = stack_usage_of(ended)) {
        record_stack(ended.created_at.file_name(), static_cast<unsigned>(ended.created_at.line()),
                     *used, ended.where().memory.size());
    }
}

void remember_use(frame& of) noexcept {
    if (of.ground->mark == watermark::none) {
        return;
    }
    if (const std::optional<stack_usage> used = stack_usage_of(of)) {
        of.ground->most_used = static_cast<std::uint32_t>((used->bytes + unit - 1) / unit);
        of.ground->mark = watermark::page;
    }
}

} // namespace pirn::detail
