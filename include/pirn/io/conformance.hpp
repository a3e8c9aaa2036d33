// SPDX-License-Identifier: MIT
//
// Whether a byte_stream behaves as stream.hpp says: a suite for everybody who writes one, without any test
// framework. Our own streams pass it.
//
//   const auto broken = pirn::io::check_byte_stream(
//       [] { return my_pair(); },
//       [](std::string_view law, std::string_view how) { std::cerr << law << ": " << how << '\n'; });
//
// After trio's check_two_way_stream.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/io/stream.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace pirn::io {

// checked_pair: two streams, connected: what is written to one is read from the other. For a stream that only
// carries bytes one way, `near` is the end that writes.
struct checked_pair {
    std::unique_ptr<byte_stream> near;
    std::unique_ptr<byte_stream> far;
};

struct conformance_options {
    // Whether `far` can also write to `near`.
    bool two_way = true;

    // Whether shutdown_write ends one direction alone. Without it, close ends both.
    bool half_close = true;

    // Whether a write waits when nobody reads. Not so for what is stored.
    bool bounded = true;

    // Whether a read waits while nothing has been written. Not so for what is stored.
    bool waits = true;

    // How long one law may take; longer is taken for a hang, and reported.
    duration patience = std::chrono::seconds{20};

    // For the order in which things are cancelled at random.
    unsigned seed = 1;
};

// check_byte_stream: makes a fresh pair for each law and looks whether it holds. `report` is called for each
// that does not, with the law and what happened instead. Returns how many were broken. To look at misuse it sets
// the failure hook (base/assert.hpp) of the process for a moment. What `make` throws comes out. Suspends.
PIRN_EXPORT std::size_t
check_byte_stream(const std::function<checked_pair()>& make,
                  const std::function<void(std::string_view law, std::string_view how)>& report,
                  const conformance_options& options = {});

} // namespace pirn::io
