// SPDX-License-Identifier: MIT
//
// The default answer to a broken precondition: one message on stderr, then abort. Formats into a
// fixed buffer and writes with one call, because the heap may be what is broken.
//
// Shared state: `hook`, written by set_failure_hook, read by fail; both with plain atomic exchange.
#include <pirn/base/assert.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace pirn {
namespace {

std::atomic<failure_hook> hook{nullptr};

void print(const failure& what) {
    std::fprintf(stderr, "pirn: %.*s\n  condition: %.*s\n", static_cast<int>(what.message.size()),
                 what.message.data(), static_cast<int>(what.condition.size()),
                 what.condition.data());
    if (!what.values.empty()) {
        std::fprintf(stderr, "  values:    %.*s\n", static_cast<int>(what.values.size()),
                     what.values.data());
    }
    std::fprintf(stderr, "  at:        %s:%u (%s)\n", what.where.file_name(),
                 static_cast<unsigned>(what.where.line()), what.where.function_name());
}

} // namespace

failure_hook set_failure_hook(failure_hook replacement) noexcept {
    // acq_rel: pairs with the acquire load in fail, so that what the hook points to is visible.
    return hook.exchange(replacement, std::memory_order_acq_rel);
}

namespace detail {

void fail(std::string_view message, std::string_view condition, std::source_location where,
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
    const failure what{message, condition, {buffer.data(), used}, where};
    // acquire: pairs with the exchange in set_failure_hook.
    if (failure_hook current = hook.load(std::memory_order_acquire)) {
        current(what);
    } else {
        print(what);
    }
    std::abort();
}

} // namespace detail
} // namespace pirn
