// SPDX-License-Identifier: MIT
//
// The language's exception state as two words that can be taken away and given back.
#include <pirn/arch/eh_state.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace {

using namespace pirn::arch;

TEST(eh_state, is_in_use_in_a_handler_and_during_unwinding_only) {
    void* const globals = eh_globals();
    EXPECT_FALSE(eh_in_use(globals));
    struct looks {
        ~looks() { *seen = eh_in_use(globals); }
        void* globals;
        bool* seen;
    };
    bool during_unwinding = false;
    try {
        const looks at_the_end{globals, &during_unwinding};
        throw 1;
    } catch (int) {
        EXPECT_TRUE(eh_in_use(globals));
    }
    EXPECT_TRUE(during_unwinding);
    EXPECT_FALSE(eh_in_use(globals));
}

TEST(eh_state, is_in_use_whichever_of_its_words_is_not_zero) {
    alignas(8) std::array<std::byte, 16> words{};
    EXPECT_FALSE(eh_in_use(words.data()));
    const auto with = [&](std::uintptr_t caught, unsigned uncaught) {
        std::memcpy(words.data(), &caught, sizeof caught);
        std::memcpy(words.data() + sizeof caught, &uncaught, sizeof uncaught);
        return eh_in_use(words.data());
    };
    // The lowest address that the kernel would ever give away, and the highest.
    EXPECT_TRUE(with(0x10000, 0));
    EXPECT_TRUE(with(static_cast<std::uintptr_t>(0x7fff'ffff'fff0U), 0)); // or 0xffff'fff0
    EXPECT_TRUE(with(0, 1));
    EXPECT_TRUE(with(0, 2));
    EXPECT_TRUE(with(0, 65535));
    EXPECT_TRUE(with(0x10000, 1));
    EXPECT_FALSE(with(0, 0));
#if PIRN_ARCH_EHABI
    // Only propagated: an exception of another language, which nobody counts.
    const std::uintptr_t propagating = 0x10000;
    std::memcpy(words.data() + 2 * sizeof(std::uintptr_t), &propagating, sizeof propagating);
    EXPECT_TRUE(eh_in_use(words.data()));
#endif
}

TEST(eh_state, that_is_taken_away_leaves_a_clean_thread) {
    void* const globals = eh_globals();
    try {
        throw std::runtime_error{"first"};
    } catch (const std::exception&) {
        const std::exception_ptr first = std::current_exception();
        const eh_state taken = eh_take(globals);
        EXPECT_EQ(std::current_exception(), nullptr);
        EXPECT_FALSE(eh_in_use(globals));
        try {
            throw std::runtime_error{"second"};
        } catch (const std::exception& error) {
            EXPECT_STREQ(error.what(), "second");
        }
        EXPECT_FALSE(eh_in_use(globals));
        eh_put(globals, taken);
        EXPECT_EQ(std::current_exception(), first);
    }
    EXPECT_EQ(std::current_exception(), nullptr);
}

TEST(eh_state, counts_the_uncaught_exceptions) {
    struct takes {
        ~takes() {
            EXPECT_EQ(std::uncaught_exceptions(), 1);
            const eh_state taken = eh_take(eh_globals());
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            EXPECT_EQ(taken.uncaught_exceptions, 1U);
            eh_put(eh_globals(), taken);
            EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
    };
    EXPECT_THROW(
        {
            const takes at_the_end;
            throw 1;
        },
        int);
}

TEST(eh_state, of_two_handlers_can_be_exchanged) {
    void* const globals = eh_globals();
    const auto rethrown = [] {
        try {
            throw;
        } catch (const std::exception& error) {
            return std::string{error.what()};
        }
    };
    try {
        throw std::runtime_error{"A"};
    } catch (const std::exception&) {
        eh_state a = eh_take(globals);
        try {
            throw std::runtime_error{"B"};
        } catch (const std::exception&) {
            const eh_state b = eh_take(globals);
            eh_put(globals, std::exchange(a, {}));
            EXPECT_EQ(rethrown(), "A");
            a = eh_take(globals);
            eh_put(globals, b);
            EXPECT_EQ(rethrown(), "B");
        }
        EXPECT_FALSE(eh_in_use(globals));
        eh_put(globals, a);
        EXPECT_EQ(rethrown(), "A");
    }
    EXPECT_FALSE(eh_in_use(globals));
}

} // namespace
