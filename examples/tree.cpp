// SPDX-License-Identifier: MIT
//
// A recursive data structure as a range: expressions such as ((a+b)*c) are read into trees, walked in
// order by plain recursion that yields from whatever depth it is at, and compared leaf by leaf. Two
// walks stand still in two recursions at once; neither tree is ever listed, and what lies behind the
// first difference is never looked at.
#include <pirn/base/live.hpp>
#include <pirn/coro/generator.hpp>

#include "command_line.hpp"

#include <cctype>
#include <cstdio>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

// A leaf has a letter and no children; the others have an operator and both.
struct node {
    char symbol = 0;
    std::unique_ptr<node> left;
    std::unique_ptr<node> right;

    bool is_leaf() const { return left == nullptr; }
};

// Each level takes a frame of the stack of whoever walks the tree, hence a limit.
constexpr int max_depth = 500;

// read: the tree at the beginning of `text`, which is shortened by it.
std::unique_ptr<node> read(std::string_view& text, int depth = 0) {
    const auto take = [&text](auto fits, const char* expected) {
        if (text.empty() || !fits(static_cast<unsigned char>(text.front()))) {
            throw std::invalid_argument{std::string{expected} + " was expected before \"" +
                                        std::string{text} + '"'};
        }
        const char taken = text.front();
        text.remove_prefix(1);
        return taken;
    };
    if (depth == max_depth) throw std::invalid_argument{"the expression is nested too deeply"};
    auto made = std::make_unique<node>();
    if (!text.starts_with('(')) {
        made->symbol = take([](int c) { return std::isalnum(c) != 0; }, "a letter or (");
        return made;
    }
    text.remove_prefix(1);
    made->left = read(text, depth + 1);
    made->symbol = take([](int c) { return std::ispunct(c) != 0 && c != ')'; }, "an operator");
    made->right = read(text, depth + 1);
    take([](int c) { return c == ')'; }, ")");
    return made;
}

std::unique_ptr<node> read_all(std::string_view text) {
    auto root = read(text);
    if (!text.empty()) {
        throw std::invalid_argument{"nothing may follow the expression, but \"" +
                                    std::string{text} + "\" does"};
    }
    return root;
}

void walk(const node& at, auto& yield) {
    if (at.left) walk(*at.left, yield);
    yield(at); // the loop sees this very node; the recursion waits here until it wants the next
    if (at.right) walk(*at.right, yield);
}

pirn::generator<const node> in_order(const node& root) {
    return pirn::generator<const node>{[&root](auto& yield) { walk(root, yield); }};
}

// Being a range, a walk composes with what the standard library has for ranges.
auto leaves(const node& root) { return in_order(root) | std::views::filter(&node::is_leaf); }

// compare_leaves: says whether two trees, whatever their shapes, have the same leaves in the same order.
void compare_leaves(const node& one, const node& other) {
    auto these = leaves(one);
    auto those = leaves(other);
    auto a = these.begin();
    auto b = those.begin();
    int same = 0;
    for (; a != these.end() && b != those.end() && a->symbol == b->symbol; ++a, ++b) ++same;

    if (a == these.end() && b == those.end()) {
        std::printf("Same leaves: yes, all %d\n", same);
    } else {
        const char first = a == these.end() ? '-' : a->symbol;
        const char second = b == those.end() ? '-' : b->symbol;
        std::printf("Same leaves: no, after %d comes %c here and %c there\n", same, first, second);
    } // both walks are destroyed where they stand, in the midst of their recursions
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{
        argc, argv, "[--one EXPRESSION] [--other EXPRESSION]",
        "Walks two expressions by coroutines, and says whether their leaves are the same."};
    const auto one = read_all(line.text("--one").value_or("((a+b)*(c-d))"));
    const auto other = read_all(line.text("--other").value_or("(a+(b*(c-d)))"));
    line.done();

    for (const auto& root : {one.get(), other.get()}) {
        std::fputs("In order:", stdout);
        for (const node& at : in_order(*root)) std::printf(" %c", at.symbol);
        std::puts("");
    }
    compare_leaves(*one, *other);
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "tree: %s\n", error.what());
    return 1;
}
