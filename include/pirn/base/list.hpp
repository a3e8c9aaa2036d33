// SPDX-License-Identifier: MIT
//
// Intrusive containers: the link lives in the element, so that queueing a task or an operation never
// allocates and never fails. None of them owns its elements and none is thread-safe (mpsc.hpp is).
//
//   list<T, &T::link>    doubly linked; push at both ends, take from the front, erase in O(1), sort
//
// An element is in at most one list per link. `linked()` tells, and destroying a linked element is a
// programmer error that debug builds report.
#pragma once

#include <pirn/base/assert.hpp>

#include <cstddef>

namespace pirn {

// list_link: put one into the element for each list that it can be in at a time.
class list_link {
  public:
    list_link() = default;
    list_link(const list_link&) = delete;
    list_link& operator=(const list_link&) = delete;
    ~list_link() { PIRN_ASSERT(!linked(), "an element was destroyed while still in a list"); }

    bool linked() const noexcept { return next_ != nullptr; }

    // forget: leaves a list that will never be looked at again, and does not tell it.
    void forget() noexcept { next_ = previous_ = nullptr; }

  private:
    template <class T, list_link T::* Link>
    friend class list;

    list_link* next_ = nullptr;
    list_link* previous_ = nullptr;
};

// list: a ring through a sentinel, so that no operation has a special case for the ends.
template <class T, list_link T::* Link>
class list {
  public:
    list() noexcept { head_.next_ = head_.previous_ = &head_; }
    list(const list&) = delete;
    list& operator=(const list&) = delete;
    ~list() {
        PIRN_ASSERT(empty(), "a list was destroyed with elements in it", {"size", size()});
        head_.next_ = head_.previous_ = nullptr;
    }

    bool empty() const noexcept { return head_.next_ == &head_; }
    std::size_t size() const noexcept;

    T* front() const noexcept { return empty() ? nullptr : owner(head_.next_); }
    // next: the element after this one, or null at the end. For walking without taking.
    T* next(T& element) const noexcept;

    // back: the last element, or null. previous: the element before this one, or null at the beginning.
    T* back() const noexcept { return empty() ? nullptr : owner(head_.previous_); }
    T* previous(T& element) const noexcept;

    void push_back(T& element) noexcept { insert_before(&head_, &(element.*Link)); }
    void push_front(T& element) noexcept { insert_before(head_.next_, &(element.*Link)); }
    void insert_after(T& place, T& element) noexcept {
        insert_before((place.*Link).next_, &(element.*Link));
    }
    // pop_front: takes the first element, or gives null.
    T* pop_front() noexcept;
    void erase(T& element) noexcept { unlink(&(element.*Link)); }
    // take_all: moves everything of another list to the end of this one, in O(1).
    void take_all(list& other) noexcept;
    // sort: by less(a, b); equals stay in their order. A merge sort from the bottom up, in O(n log n) and without
    // memory (Knuth, TAOCP 3, section 5.2.4, algorithm L).
    template <class Less>
    void sort(Less less) noexcept;

  private:
    template <class Less>
    static list_link* merge(list_link* first, list_link* second, Less& less) noexcept;
    static T* owner(list_link* link) noexcept;
    static void insert_before(list_link* place, list_link* link) noexcept;
    static void unlink(list_link* link) noexcept;

    mutable list_link head_;
};

// ---------------------------------------------------------------------------------------------------

template <class T, list_link T::* Link>
std::size_t list<T, Link>::size() const noexcept {
    std::size_t count = 0;
    for (const list_link* at = head_.next_; at != &head_; at = at->next_) {
        ++count;
    }
    return count;
}

template <class T, list_link T::* Link>
T* list<T, Link>::next(T& element) const noexcept {
    list_link* following = (element.*Link).next_;
    return following == &head_ ? nullptr : owner(following);
}

template <class T, list_link T::* Link>
T* list<T, Link>::previous(T& element) const noexcept {
    list_link* before = (element.*Link).previous_;
    return before == &head_ ? nullptr : owner(before);
}

template <class T, list_link T::* Link>
T* list<T, Link>::pop_front() noexcept {
    if (empty()) {
        return nullptr;
    }
    list_link* first = head_.next_;
    unlink(first);
    return owner(first);
}

template <class T, list_link T::* Link>
void list<T, Link>::take_all(list& other) noexcept {
    if (other.empty()) {
        return;
    }
    list_link* first = other.head_.next_;
    list_link* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
}

// merge: two sorted chains, linked by next_ and ended by null, become one.
template <class T, list_link T::* Link>
template <class Less>
list_link* list<T, Link>::merge(list_link* first, list_link* second, Less& less) noexcept {
    list_link* merged = nullptr;
    list_link** end = &merged;
    while (first != nullptr && second != nullptr) {
        list_link*& smaller = less(*owner(second), *owner(first)) ? second : first;
        *end = smaller;
        end = &smaller->next_;
        smaller = smaller->next_;
    }
    *end = first != nullptr ? first : second;
    return merged;
}

template <class T, list_link T::* Link>
template <class Less>
void list<T, Link>::sort(Less less) noexcept {
    // The chain at i holds 2 to the i elements, all of them from before those of the chains below it.
    constexpr std::size_t chains = 48;
    list_link* chain[chains]{};
    for (list_link* at = head_.next_; at != &head_;) {
        list_link* carried = at;
        at = at->next_;
        carried->next_ = nullptr;
        std::size_t i = 0;
        for (; chain[i] != nullptr; ++i) {
            carried = merge(chain[i], carried, less);
            chain[i] = nullptr;
        }
        chain[i] = carried;
    }
    list_link* sorted = nullptr;
    for (list_link* each : chain) {
        sorted = merge(each, sorted, less);
    }
    list_link* last = &head_;
    for (list_link* at = sorted; at != nullptr; at = at->next_) {
        last->next_ = at;
        at->previous_ = last;
        last = at;
    }
    last->next_ = &head_;
    head_.previous_ = last;
}

template <class T, list_link T::* Link>
T* list<T, Link>::owner(list_link* link) noexcept {
    // The offset of a member through a pointer to member, as offsetof does it: the object is never
    // touched. Itanium and MSVC both represent a data member pointer of a simple class as its offset.
    alignas(T) static char space[sizeof(T)];
    // By way of void*: a char* says nothing about alignment, and some processors care.
    auto* probe = static_cast<T*>(static_cast<void*>(space));
    const auto offset = reinterpret_cast<char*>(&(probe->*Link)) - space;
    return static_cast<T*>(static_cast<void*>(reinterpret_cast<char*>(link) - offset));
}

template <class T, list_link T::* Link>
void list<T, Link>::insert_before(list_link* place, list_link* link) noexcept {
    PIRN_ASSERT(!link->linked(), "an element was put into a second list through the same link");
    link->next_ = place;
    link->previous_ = place->previous_;
    place->previous_->next_ = link;
    place->previous_ = link;
}

template <class T, list_link T::* Link>
void list<T, Link>::unlink(list_link* link) noexcept {
    PIRN_ASSERT(link->linked(), "an element was taken out of a list that it is not in");
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): linked, so neither is null
    link->next_->previous_ = link->previous_;
    link->previous_->next_ = link->next_;
    link->next_ = link->previous_ = nullptr;
}

} // namespace pirn
