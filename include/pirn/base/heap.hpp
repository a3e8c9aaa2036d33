// SPDX-License-Identifier: MIT
//
// An intrusive four-ary min-heap with erase: the timers of an event loop. Four children to a node,
// because one cache line of keys is read per level and the tree is half as deep as a binary one
// (LaMarca and Ladner, 1996). Push, pop and erase in O(log n); equal keys leave in the order in
// which they were pushed.
//
// Not thread-safe. Elements are not owned; each knows its own place, so that erase needs no search.
#pragma once

#include <pirn/base/assert.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pirn {

// heap_link: put one into the element. `place` is 1-based, 0 while outside of any heap.
struct heap_link {
    std::size_t place = 0;
    bool linked() const noexcept { return place != 0; }
};

template <class T, heap_link T::* Link, class Key>
class heap {
  public:
    bool empty() const noexcept { return entries_.empty(); }
    std::size_t size() const noexcept { return entries_.size(); }

    // top, top_key: the element with the smallest key. The heap is not empty.
    T& top() const noexcept { return *entries_.front().element; }
    const Key& top_key() const noexcept { return entries_.front().key; }

    // push: may throw std::bad_alloc, then nothing has changed.
    void push(T& element, Key key);
    T& pop() noexcept;
    void erase(T& element) noexcept;

  private:
    // The key beside the pointer: sifting compares neighbours without touching the elements. The
    // sequence number makes the order of equal keys stable.
    struct entry {
        Key key;
        std::uint64_t sequence;
        T* element;
        bool before(const entry& other) const noexcept {
            return key < other.key || (!(other.key < key) && sequence < other.sequence);
        }
    };
    static constexpr std::size_t children = 4;

    void put(std::size_t index, const entry& what) noexcept;
    void sift_up(std::size_t index, const entry& what) noexcept;
    void sift_down(std::size_t index, const entry& what) noexcept;

    std::vector<entry> entries_;
    std::uint64_t pushed_ = 0;
};

// ---------------------------------------------------------------------------------------------------

template <class T, heap_link T::* Link, class Key>
void heap<T, Link, Key>::push(T& element, Key key) {
    PIRN_ASSERT(!(element.*Link).linked(), "an element was put into a heap twice");
    const entry fresh{key, pushed_++, &element};
    entries_.push_back(fresh);
    sift_up(entries_.size() - 1, fresh);
}

template <class T, heap_link T::* Link, class Key>
T& heap<T, Link, Key>::pop() noexcept {
    T& first = top();
    erase(first);
    return first;
}

template <class T, heap_link T::* Link, class Key>
void heap<T, Link, Key>::erase(T& element) noexcept {
    heap_link& link = element.*Link;
    PIRN_ASSERT(link.linked(), "an element was erased from a heap that it is not in");
    const std::size_t hole = link.place - 1;
    link.place = 0;
    const entry last = entries_.back();
    entries_.pop_back();
    if (last.element == &element) {
        return;
    }
    // The last entry fills the hole and then moves whichever way its key asks; at most one of the
    // two sifts does any work.
    if (hole > 0 && last.before(entries_[(hole - 1) / children])) {
        sift_up(hole, last);
    } else {
        sift_down(hole, last);
    }
}

template <class T, heap_link T::* Link, class Key>
void heap<T, Link, Key>::put(std::size_t index, const entry& what) noexcept {
    entries_[index] = what;
    (what.element->*Link).place = index + 1;
}

template <class T, heap_link T::* Link, class Key>
void heap<T, Link, Key>::sift_up(std::size_t index, const entry& what) noexcept {
    while (index > 0) {
        const std::size_t parent = (index - 1) / children;
        if (!what.before(entries_[parent])) {
            break;
        }
        put(index, entries_[parent]);
        index = parent;
    }
    put(index, what);
}

template <class T, heap_link T::* Link, class Key>
void heap<T, Link, Key>::sift_down(std::size_t index, const entry& what) noexcept {
    const std::size_t count = entries_.size();
    for (;;) {
        const std::size_t first = index * children + 1;
        if (first >= count) {
            break;
        }
        std::size_t least = first;
        for (std::size_t child = first + 1; child < first + children && child < count; ++child) {
            if (entries_[child].before(entries_[least])) {
                least = child;
            }
        }
        if (!entries_[least].before(what)) {
            break;
        }
        put(index, entries_[least]);
        index = least;
    }
    put(index, what);
}

} // namespace pirn
