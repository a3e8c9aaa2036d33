// SPDX-License-Identifier: MIT
//
// The fixture under every suite: what a test has created is gone when it ends.
#pragma once

#include <pirn/base/live.hpp>

#include <string>

#include <gtest/gtest.h>

namespace pirn {

// So that GoogleTest prints an account as a person would read it.
inline void PrintTo(const live_counts& counts, std::ostream* out) { *out << to_string(counts); }

} // namespace pirn

namespace support {

// Base is testing::Test, or testing::TestWithParam<T>.
template <class Base = testing::Test>
class balanced : public Base {
  protected:
    void TearDown() override {
        EXPECT_EQ(pirn::live(), before_) << "the test has left something alive";
        Base::TearDown();
    }

  private:
    const pirn::live_counts before_ = pirn::live();
};

} // namespace support
