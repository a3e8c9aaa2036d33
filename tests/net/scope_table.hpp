// SPDX-License-Identifier: MIT
//
// What the rows of the table of scopes are made of.
#pragma once

#include <pirn/sched/park.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace support {

using call = std::function<void()>;

// row: a public function whose contract says that it suspends, named by header, class and function.
struct row {
    const char* name;
    // Makes what is needed, and gives the call, which waits for ever, or, if `at_once`, ends by itself. Throws `cancelled`
    // if it is cancelled. Called inside a task.
    std::function<call()> make;
    bool at_once = false;
};

std::vector<row> rows_of_sync();
std::vector<row> rows_of_io();
std::vector<row> rows_of_net();

// of: an object, kept by the call.
template <class T, class Function>
call of(std::shared_ptr<T> object, Function function) {
    return [object, function] { function(*object); };
}

// shielded: calls the function inside a shield.
template <class Function>
void shielded(Function function) {
    pirn::cancel_scope scope;
    scope.shield();
    static_cast<void>(scope.run(function));
}

} // namespace support
