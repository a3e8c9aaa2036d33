// SPDX-License-Identifier: MIT
//
// The table of descriptors.
#include "loop/epoll/interest.hpp"

#include <new>

namespace pirn::detail {

interest* interest_table::at(int descriptor) noexcept {
    const auto index = static_cast<std::size_t>(descriptor) / chunk_size;
    try {
        if (index >= chunks_.size()) {
            chunks_.resize(index + 1);
        }
        if (chunks_[index] == nullptr) {
            chunks_[index] = std::make_unique<chunk>();
        }
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return &(*chunks_[index])[static_cast<std::size_t>(descriptor) % chunk_size];
}

interest* interest_table::find(int descriptor) noexcept {
    const auto index = static_cast<std::size_t>(descriptor) / chunk_size;
    if (descriptor < 0 || index >= chunks_.size() || chunks_[index] == nullptr) {
        return nullptr;
    }
    return &(*chunks_[index])[static_cast<std::size_t>(descriptor) % chunk_size];
}

} // namespace pirn::detail
