// SPDX-License-Identifier: MIT
//
// What the fuzz targets share: choices made by the input's bytes, a check that ends the program with a sentence, and a
// runtime on a test clock that lives as long as the process, because making one takes longer than most inputs.
#pragma once

#include <pirn/base/live.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/runtime.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace fuzz {

// planted: whether this program has a fault between the library and its model, which it has to find.
#ifdef PIRN_FUZZ_PLANTED
inline constexpr bool planted = true;
#else
inline constexpr bool planted = false;
#endif

// require: the condition holds, or the program ends and the fuzzer keeps the input. Never suspends.
inline void require(bool condition, std::string_view sentence,
                    std::source_location where = std::source_location::current()) {
    if (!condition) [[unlikely]] {
        std::fprintf(stderr, "fuzz: %.*s\n  at %s:%u\n", static_cast<int>(sentence.size()),
                     sentence.data(), where.file_name(), static_cast<unsigned>(where.line()));
        std::abort();
    }
}

// require_equal: the same for two numbers, which are printed. Never suspends.
template <class T>
void require_equal(const T& got, const T& expected, std::string_view sentence,
                   std::source_location where = std::source_location::current()) {
    if (!(got == expected)) [[unlikely]] {
        std::fprintf(stderr, "fuzz: got %lld, and the model says %lld\n",
                     static_cast<long long>(got), static_cast<long long>(expected));
        require(false, sentence, where);
    }
}

// choices: the input as a sequence of decisions. When it is used up, each further one is 0, so that a shorter input
// is a simpler one: 0 is to be the choice after which the least happens.
class choices {
  public:
    choices(const std::uint8_t* data, std::size_t size) noexcept : left_{data, size} {}

    bool empty() const noexcept { return left_.empty(); }
    std::uint8_t byte() noexcept;
    // below: 0 to count - 1; `count` is at least 1, at most 65536.
    std::size_t below(std::size_t count) noexcept;
    // between: both included.
    std::size_t between(std::size_t low, std::size_t high) noexcept;
    bool flag() noexcept { return below(2) == 1; }
    // one_in: rarely true.
    bool one_in(std::size_t count) noexcept { return below(count) == count - 1; }
    // bytes, text: so many of the input's own, or fewer at its end.
    std::vector<std::byte> bytes(std::size_t count);
    std::string text(std::size_t count);

  private:
    std::span<const std::uint8_t> left_;
};

// on_a_test_clock: calls the function as the main task of a runtime with one thread, whose time jumps to the nearest
// deadline when nothing else is left to do. Whatever the function has begun has ended, and the account is as before.
template <class Function>
void on_a_test_clock(Function&& function);

// on_threads: the same on several threads, with time as it is.
template <class Function>
void on_threads(Function&& function);

// ---------------------------------------------------------------------------------------------------

inline std::uint8_t choices::byte() noexcept {
    if (left_.empty()) {
        return 0;
    }
    const std::uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
}

inline std::size_t choices::below(std::size_t count) noexcept {
    constexpr std::size_t bits = 8;
    std::size_t number = byte();
    if (count > (std::size_t{1} << bits)) {
        number = number << bits | byte();
    }
    return number % count;
}

inline std::size_t choices::between(std::size_t low, std::size_t high) noexcept {
    return low + below(high - low + 1);
}

inline std::vector<std::byte> choices::bytes(std::size_t count) {
    const auto some = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(some.size());
    const auto raw = std::as_bytes(some);
    return {raw.begin(), raw.end()};
}

inline std::string choices::text(std::size_t count) {
    const auto some = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(some.size());
    return {some.begin(), some.end()};
}

namespace detail {

// world: the clock and the runtime. Never destroyed before the process ends; leaks are looked for between inputs.
struct world {
    pirn::test_clock clock{pirn::when_idle::jumps};
    pirn::runtime runtime{pirn::runtime_options{
        .loop = {.time = &clock},
        // A deadlock hangs the input, which the fuzzer's own limit of time reports.
        .scheduler = {.report_deadlock_after = std::chrono::nanoseconds{0}}}};
};

inline world& the_world() {
    static world here;
    return here;
}

} // namespace detail

// the_clock: of on_a_test_clock.
inline pirn::test_clock& the_clock() { return detail::the_world().clock; }

namespace detail {

inline pirn::runtime& several_threads() {
    static pirn::runtime here{
        pirn::runtime_options{.threads = 3,
                              .loop = {.backend = pirn::backend_kind::epoll},
                              .scheduler = {.report_deadlock_after = std::chrono::nanoseconds{0}}}};
    return here;
}

template <class Function>
void run_and_compare(pirn::runtime& here, Function&& function) {
    const pirn::live_counts before = pirn::live();
    here.run(std::forward<Function>(function));
    // On another thread the stack of a task goes a moment after the task has ended.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (here.options().threads > 1 && !(pirn::live() == before) &&
           std::chrono::steady_clock::now() < patience) {
        std::this_thread::yield();
    }
    if (!(pirn::live() == before)) {
        std::fprintf(stderr, "fuzz: before %s\n      after  %s\n", to_string(before).c_str(),
                     to_string(pirn::live()).c_str());
        require(false, "something is alive that the input has begun");
    }
}

} // namespace detail

template <class Function>
void on_a_test_clock(Function&& function) {
    detail::run_and_compare(detail::the_world().runtime, std::forward<Function>(function));
}

template <class Function>
void on_threads(Function&& function) {
    detail::run_and_compare(detail::several_threads(), std::forward<Function>(function));
}

} // namespace fuzz
