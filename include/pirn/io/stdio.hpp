// SPDX-License-Identifier: MIT
//
// The standard streams as streams of bytes, and what is known about the terminal.
//
//   auto in = pirn::io::standard_input();
//   pirn::io::reader lines{in};
//   while (auto line = lines.line()) …
//
// They are left blocking, because a shell and other programs have them too. Each call makes a descriptor of its own,
// so that closing it leaves 0, 1 and 2 alone; std::cout and printf have buffers of their own, which go their own ways.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/descriptor_stream.hpp>

#include <optional>

namespace pirn::io {

// standard_input, standard_output, standard_error: throw std::system_error when it is closed, or there is no
// descriptor left. Called inside a task. Never suspend.
PIRN_EXPORT descriptor_stream standard_input();
PIRN_EXPORT descriptor_stream standard_output();
PIRN_EXPORT descriptor_stream standard_error();

// is_terminal: whether a descriptor is one. Never suspends.
PIRN_EXPORT bool is_terminal(int descriptor) noexcept;

struct terminal_size {
    unsigned columns = 0; // characters
    unsigned rows = 0;    // lines
};

// size_of_terminal: of the one that this descriptor is, if it is one and knows. SIGWINCH (signal.hpp) tells when it
// changes. Never suspends.
PIRN_EXPORT std::optional<terminal_size> size_of_terminal(int descriptor = 1) noexcept;

} // namespace pirn::io
