// SPDX-License-Identifier: MIT
//
// Generators: values one at a time, from functions as recursive as they like. A tree is walked by plain
// recursion, two trees are compared leaf by leaf without listing either, and endless sequences go
// through the standard views.
#include <pirn/coro/generator.hpp>

#include <pirn/base/live.hpp>

#include "command_line.hpp"

#include <cstdio>
#include <memory>
#include <ranges>

namespace {

struct node {
    int value;
    std::unique_ptr<node> left;
    std::unique_ptr<node> right;
};

std::unique_ptr<node> tree(int value, std::unique_ptr<node> left = {},
                           std::unique_ptr<node> right = {}) {
    return std::make_unique<node>(value, std::move(left), std::move(right));
}

void walk(node* at, auto& yield) {
    if (at == nullptr) return;
    walk(at->left.get(), yield);
    yield(at->value); // the very object: the loop may change it
    walk(at->right.get(), yield);
}

pirn::generator<int> in_order(node* root) {
    return pirn::generator<int>{[root](auto& yield) { walk(root, yield); }};
}

// Whether two trees of different shape hold the same sequence. Stops at the first difference; what was
// not walked never is.
bool same_fringe(node* one, node* other) {
    auto first = in_order(one);
    auto second = in_order(other);
    auto a = first.begin();
    auto b = second.begin();
    for (; a != first.end() && b != second.end(); ++a, ++b) {
        if (*a != *b) return false;
    }
    return a == first.end() && b == second.end();
}

pirn::generator<const long> fibonacci() {
    return pirn::generator<const long>{[](auto& yield) {
        for (long a = 0, b = 1;; b += std::exchange(a, b)) yield(a);
    }};
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "Generators over trees and endless sequences.");
    const auto balanced = tree(2, tree(1), tree(3));
    const auto leaning = tree(3, tree(2, tree(1)));

    std::fputs("A tree by recursion: ", stdout);
    for (int& value : in_order(balanced.get())) {
        std::printf("%d ", value);
        value *= 10;
    }
    std::puts("");
    std::printf("Same fringe: %s (the walk above multiplied one of them)\n",
                same_fringe(balanced.get(), leaning.get()) ? "yes" : "no");
    for (int& value : in_order(leaning.get())) value *= 10;
    std::printf("Same fringe: %s\n", same_fringe(balanced.get(), leaning.get()) ? "yes" : "no");

    std::fputs("Even Fibonacci numbers: ", stdout);
    auto even = std::views::filter([](long n) { return n % 2 == 0; });
    for (const long n : fibonacci() | even | std::views::take(8)) std::printf("%ld ", n);
    std::puts("");
    std::puts(pirn::to_string(pirn::live()).c_str());
}
