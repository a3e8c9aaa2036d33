// SPDX-License-Identifier: MIT
//
// How a coroutine may be created.
#include <pirn/coro/options.hpp>

#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/generator.hpp>
#include <pirn/stack/sources.hpp>

#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <array>
#include <new>
#include <source_location>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

class options : public support::balanced<> {};

// Where the running coroutine says it was created.
struct origin {
    std::string file;
    unsigned line;
};

origin origin_of_current() {
    const std::source_location at = pirn::current()->created_at();
    std::string file{at.file_name()};
    return {file.substr(file.find_last_of('/') + 1), at.line()};
}

TEST_F(options, a_name_is_copied_and_cut_off_at_31_characters) {
    std::string name(40, 'n');
    pirn::coroutine<> named{{.name = name}, [] {}};
    name = "changed";
    EXPECT_EQ(named.name(), std::string(31, 'n'));
    pirn::coroutine<> exact{{.name = std::string(31, 'e')}, [] {}};
    EXPECT_EQ(exact.name(), std::string(31, 'e'));
    pirn::coroutine<> nameless{[] {}};
    EXPECT_EQ(nameless.name(), "");
}

TEST_F(options, a_name_is_not_left_to_who_stands_on_the_stack_afterwards) {
    pirn::mapped_stack_source mapped;
    pirn::pooled_stack_source pool{mapped};
    const auto place = [](auto& self) {
        char here = 0;
        self.yield(&here);
    };
    const void* first = nullptr;
    {
        pirn::coroutine<const void*> named{{.name = "named", .stacks = &pool}, place};
        first = named.next();
        EXPECT_EQ(named.name(), "named");
    }
    pirn::coroutine<const void*> nameless{{.stacks = &pool}, place};
    EXPECT_EQ(nameless.next(), first) << "this test is of no use on another stack";
    EXPECT_EQ(nameless.name(), "");
}

TEST_F(options, the_place_of_creation_is_the_users) {
    const auto look = [](auto& self) { self.yield(origin_of_current()); };
    const unsigned plain_line = __LINE__ + 1;
    pirn::coroutine<origin> plain{look};
    EXPECT_EQ(plain.next().file, "options_test.cpp");
    EXPECT_EQ(plain.value().line, plain_line);

    const unsigned braces_line = __LINE__ + 1;
    pirn::coroutine<origin> braces{{.name = "with options"}, look};
    EXPECT_EQ(braces.next().file, "options_test.cpp");
    EXPECT_EQ(braces.value().line, braces_line);

    const pirn::coroutine_options elsewhere{.where = std::source_location::current()};
    const unsigned elsewhere_line = __LINE__ - 1;
    pirn::coroutine<origin> told{elsewhere, look};
    EXPECT_EQ(told.next().line, elsewhere_line);
}

TEST_F(options, the_place_of_creation_is_the_users_with_arguments_too) {
    const auto look = [](auto& self, int) { self.yield(origin_of_current()); };
    const unsigned line = __LINE__ + 1;
    pirn::coroutine<origin> with_arguments{look, 5};
    EXPECT_EQ(with_arguments.next().line, line);
}

TEST_F(options, the_place_of_a_generators_creation_is_the_users_too) {
    const unsigned line = __LINE__ + 1;
    pirn::generator<origin> numbers{[](auto& yield) { yield(origin_of_current()); }};
    const auto first = numbers.begin();
    EXPECT_EQ(first->file, "options_test.cpp");
    EXPECT_EQ(first->line, line);
}

TEST_F(options, a_stack_is_as_large_as_was_wished_or_larger) {
    pirn::mapped_stack_source mapped;
    for (const std::size_t size : {std::size_t{20000}, std::size_t{1} << 20}) {
        std::size_t remains = 0;
        pirn::coroutine<> measures{{.stack_size = size, .stacks = &mapped},
                                   [&] { remains = pirn::remaining_stack(); }};
        measures.resume();
        EXPECT_GT(remains, size - 8192);
        EXPECT_LT(remains, size + 8192);
    }
    std::size_t remains = 0;
    pirn::coroutine<> standard{[&] { remains = pirn::remaining_stack(); }};
    standard.resume();
    EXPECT_GT(remains, pirn::default_stack_size - 8192);
}

TEST_F(options, a_stack_larger_than_the_address_space_is_refused) {
    constexpr std::size_t everything = ~std::size_t{0};
    for (const std::size_t size : {everything, everything / 4 * 3, everything - 65536}) {
        EXPECT_THROW(pirn::coroutine<>({.stack_size = size}, [] {}), std::bad_alloc);
    }
}

TEST_F(options, memory_of_the_caller_may_begin_and_end_anywhere) {
    constexpr std::size_t size = std::size_t{64} * 1024;
    const support::raw_memory memory{size + 32};
    const std::span<std::byte> all = memory.all();
    for (std::size_t front = 0; front < 17; ++front) {
        std::fill(all.begin(), all.end(), std::byte{0x5a});
        const std::span<std::byte> mine = all.subspan(front, size - front);
        int sum = 0;
        {
            pirn::coroutine<int> counts{{.memory = mine}, [](auto& self) {
                                            self.yield(1);
                                            self.yield(2);
                                        }};
            while (counts.resume()) {
                sum += counts.value();
            }
        }
        ASSERT_EQ(sum, 3);
        for (const std::span<std::byte> beyond : {all.first(front), all.subspan(size)}) {
            for (const std::byte b : beyond) {
                ASSERT_EQ(b, std::byte{0x5a}) << "written beyond the memory, offset " << front;
            }
        }
    }
}

TEST_F(options, memory_of_the_caller_is_the_callers_again_afterwards) {
    const support::raw_memory memory{std::size_t{64} * 1024};
    for (int round = 0; round < 3; ++round) {
        {
            pirn::coroutine<> waits{{.memory = memory.all()}, [](auto& self) {
                                        std::array<char, 1000> local{};
                                        self.suspend();
                                        local[0] = 1;
                                    }};
            waits.resume();
            if (round == 1) {
                waits.resume();
            }
        }
        // Under AddressSanitizer this sees whether anything of the stack is still marked.
        std::fill(memory.all().begin(), memory.all().end(), std::byte{1});
    }
}

TEST_F(options, memory_of_the_caller_may_be_in_another_coroutines_frame) {
    SKIP_WHEN(support::under_valgrind,
              "valgrind takes a switch within one registered stack for a frame");
    pirn::coroutine<int> outer{[](auto& self) {
        alignas(16) std::array<std::byte, 64 * 1024> room; // NOLINT: a stack needs no value
        pirn::coroutine<int> inner{{.memory = room}, [](auto& in) {
                                       in.yield(1);
                                       in.yield(2);
                                   }};
        self.yield(inner.next());
        self.yield(inner.next());
    }};
    EXPECT_EQ(outer.next(), 1);
    EXPECT_EQ(outer.next(), 2);
    EXPECT_EQ(outer.status(), pirn::coroutine_status::suspended);
    EXPECT_FALSE(outer.resume());
}

} // namespace
