// SPDX-License-Identifier: MIT
//
// Many functions at the same time, and their results as they come:
//
//   for (auto& answer : pirn::as_completed(questions)) {        // a range of functions
//       use(answer.index, answer.get());                        // the fastest first
//   }
//
// Leaving the loop early cancels the rest. After Python's asyncio.as_completed and zigcoro's plans.
#pragma once

#include <pirn/base/spin_lock.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/task_group.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <ranges>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

namespace pirn {

namespace detail {

// completion_order: which of them have ended and have not been asked for. Settled by tasks on any thread.
class PIRN_EXPORT completion_order {
  public:
    explicit completion_order(std::size_t count) : left_{count} { ended_.reserve(count); }

    void settle(std::size_t index) noexcept;
    // next: waits for one; false when all have been given out. Throws `cancelled`. Suspends.
    bool next(std::size_t& index);

  private:
    spin_lock guard_;
    std::vector<std::size_t> ended_; // in order; never grows beyond what was reserved
    std::size_t given_ = 0;
    std::size_t left_;
    slot_wait* asks_ = nullptr;
};

} // namespace detail

// completed: one function's outcome, and which of the range it was.
template <class T>
class completed {
  public:
    std::size_t index = 0;

    // get: what it returned, once, or throws what it threw. Never suspends.
    T get() {
        if (failure_) {
            std::rethrow_exception(failure_);
        }
        if constexpr (!std::is_void_v<T>) {
            return *std::move(value_);
        }
    }
    bool failed() const noexcept { return failure_ != nullptr; }

  private:
    template <class>
    friend class completions;
    detail::answer_slot<T> value_;
    std::exception_ptr failure_;
};

// completions: an input range of completed<T>, for one task. Its destructor cancels what is still running, and waits.
template <class T>
class completions {
  public:
    template <class Range>
    completions(Range& functions, std::source_location where);
    completions(const completions&) = delete;
    completions& operator=(const completions&) = delete;

    // next: the next one to end, or null when there was none left. Valid as long as this object. Throws `cancelled` if
    // the task is asked to stop. Suspends.
    completed<T>* next() {
        std::size_t index = 0;
        return order_.next(index) ? &results_[index] : nullptr;
    }

    class iterator {
      public:
        using value_type = completed<T>;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;
        iterator() noexcept = default;
        completed<T>& operator*() const noexcept { return *now_; }
        iterator& operator++() {
            now_ = of_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t /*end*/) const noexcept { return now_ == nullptr; }

      private:
        friend class completions;
        explicit iterator(completions& of) : of_{&of}, now_{of.next()} {}
        completions* of_ = nullptr;
        completed<T>* now_ = nullptr;
    };
    // begin: once. Suspends.
    iterator begin() { return iterator{*this}; }
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    std::vector<completed<T>> results_;
    detail::completion_order order_;
    task_group group_; // goes first
};

// as_completed: calls all functions of the range, each in a task of its own, where they are: the range outlives the
// result. Called inside a task. Never suspends; going through the result does.
template <class Range>
    requires(detail::is_functions<Range>)
[[nodiscard("the functions are cancelled at once when the result is dropped; go through it")]] auto
as_completed(Range&& functions, std::source_location where = std::source_location::current()) {
    static_assert(std::is_lvalue_reference_v<Range> || std::ranges::borrowed_range<Range>,
                  "the range of functions outlives the result of as_completed: give it a name");
    return completions<detail::answer_of<std::ranges::range_value_t<Range>>>{functions, where};
}

// ---------------------------------------------------------------------------------------------------

template <class T>
template <class Range>
completions<T>::completions(Range& functions, std::source_location where)
    : results_(static_cast<std::size_t>(std::ranges::distance(functions))),
      order_{results_.size()} {
    std::size_t index = 0;
    for (auto& function : functions) {
        results_[index].index = index;
        group_.spawn(
            [this, &function, index] {
                completed<T>& mine = results_[index];
                detail::catch_all([&] { detail::answer_into<T>(mine.value_, function); },
                                  [&] {
                                      mine.failure_ = detail::take_group_error();
                                      if (!mine.failure_) {
                                          mine.failure_ = std::current_exception();
                                          order_.settle(index);
                                          detail::rethrow();
                                      }
                                  },
                                  [&] { mine.failure_ = std::current_exception(); });
                order_.settle(index);
            },
            where);
        ++index;
    }
}

} // namespace pirn
