// SPDX-License-Identifier: MIT
//
// Several pieces of memory, as the kernel wants them listed.
#pragma once

#include <pirn/base/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include <sys/uio.h>

namespace pirn::io::detail {

// pieces: the first of them; what is left out makes a short read or write, which is allowed.
class pieces {
  public:
    static constexpr std::size_t most = 16;

    explicit pieces(std::span<const mutable_bytes> all) noexcept { list(all); }
    explicit pieces(std::span<const bytes> all) noexcept { list(all); }

    std::span<const iovec> get() const noexcept { return std::span{list_}.first(count_); }

  private:
    template <class Piece>
    void list(std::span<const Piece> all) noexcept {
        count_ = std::min(all.size(), most);
        for (std::size_t i = 0; i < count_; ++i) {
            // Those that are only read are not written to, whatever the type says.
            list_[i] = {const_cast<std::byte*>(all[i].data()), all[i].size()};
        }
    }

    std::array<iovec, most> list_{};
    std::size_t count_ = 0;
};

} // namespace pirn::io::detail
