// SPDX-License-Identifier: MIT
//
// The default answer to a broken precondition: one message on stderr, then abort. Formats into a
// fixed buffer and writes with one call, because the heap may be what is broken.
//
// Shared state: `hook`, written by set_failure_hook, read by fail; both with plain atomic exchange. `description`,
// written once by the room coro before main, read by fail.
#include <pirn/base/assert.hpp>

#include "base/places.hpp"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace pirn {
namespace {

std::atomic<failure_hook> hook{nullptr};
std::atomic<detail::describe_running> description{nullptr};

void print(const failure& what) {
    std::fprintf(stderr, "pirn: %.*s\n  condition: %.*s\n", static_cast<int>(what.message.size()),
                 what.message.data(), static_cast<int>(what.condition.size()),
                 what.condition.data());
    if (!what.values.empty()) {
        std::fprintf(stderr, "  values:    %.*s\n", static_cast<int>(what.values.size()),
                     what.values.data());
    }
    std::fprintf(stderr, "  at:        %.*s:%u (%s)\n", static_cast<int>(what.file.size()),
                 what.file.data(), static_cast<unsigned>(what.where.line()),
                 what.where.function_name());
    if (!what.task.empty()) {
        std::fprintf(stderr, "  in:        %.*s\n", static_cast<int>(what.task.size()),
                     what.task.data());
    }
}

} // namespace

failure_hook set_failure_hook(failure_hook replacement) noexcept {
    // acq_rel: pairs with the acquire load in fail, so that what the hook points to is visible.
    return hook.exchange(replacement, std::memory_order_acq_rel);
}

namespace detail {

void set_describe_running(describe_running function) noexcept {
    // release: pairs with the acquire load in fail.
    description.store(function, std::memory_order_release);
}

namespace {

[[noreturn]] void fail_in(std::string_view file, std::string_view message,
                          std::string_view condition, std::source_location where,
                          std::initializer_list<named_value> values) {
    std::array<char, 512> buffer{};
    std::size_t used = 0;
    for (const named_value& value : values) {
        const char* separator = used == 0 ? "" : ", ";
        const int name_size = static_cast<int>(value.name.size());
        int wrote = 0;
        if (value.is_text) {
            wrote = std::snprintf(buffer.data() + used, buffer.size() - used, "%s%.*s=\"%.*s\"",
                                  separator, name_size, value.name.data(),
                                  static_cast<int>(value.text.size()), value.text.data());
        } else if (value.is_address) {
            wrote = std::snprintf(buffer.data() + used, buffer.size() - used, "%s%.*s=0x%llx",
                                  separator, name_size, value.name.data(),
                                  static_cast<unsigned long long>(value.integer));
        } else {
            wrote =
                std::snprintf(buffer.data() + used, buffer.size() - used, "%s%.*s=%lld", separator,
                              name_size, value.name.data(), static_cast<long long>(value.integer));
        }
        if (wrote < 0 || static_cast<std::size_t>(wrote) >= buffer.size() - used) {
            break; // the rest does not fit; what is there already says most
        }
        used += static_cast<std::size_t>(wrote);
    }
    std::array<char, 512> running{};
    std::size_t running_size = 0;
    // acquire: pairs with the release store in set_describe_running.
    if (const describe_running describe = description.load(std::memory_order_acquire)) {
        running_size = describe(running);
    }
    const failure what{message, condition, {buffer.data(), used},
                       where,   file,      {running.data(), running_size}};
    // acquire: pairs with the exchange in set_failure_hook.
    if (failure_hook current = hook.load(std::memory_order_acquire)) {
        current(what);
    } else {
        print(what);
    }
    std::abort();
}

} // namespace

void fail(std::string_view message, std::string_view condition, std::source_location where,
          std::initializer_list<named_value> values) {
    fail_in(path_in_project(where.file_name()), message, condition, where, values);
}

void fail_at(std::source_location caller, std::string_view message, std::string_view condition,
             std::initializer_list<named_value> values) {
    fail_in(header_in_project(caller.file_name()), message, condition, caller, values);
}

} // namespace detail
} // namespace pirn
