// SPDX-License-Identifier: MIT
//
// What the tests of files share: a folder that is gone afterwards, and the operations, recorded.
#pragma once

#include <pirn/loop/file.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace support {

using open_file = recorded<pirn::open_operation>;
using read_file = recorded<pirn::read_operation>;
using write_file = recorded<pirn::write_operation>;
using read_pieces = recorded<pirn::read_vector_operation>;
using write_pieces = recorded<pirn::write_vector_operation>;
using sync_file = recorded<pirn::sync_operation>;
using allocate = recorded<pirn::allocate_operation>;
using truncate = recorded<pirn::truncate_operation>;
using status = recorded<pirn::status_operation>;
using rename_file = recorded<pirn::rename_operation>;
using unlink_file = recorded<pirn::unlink_operation>;
using make_directory = recorded<pirn::make_directory_operation>;
using read_directory = recorded<pirn::read_directory_operation>;

constexpr std::int64_t in_order = -1;

class with_folder : public on_each_backend {
  protected:
    void SetUp() override {
        on_each_backend::SetUp();
        std::string name = (std::filesystem::temp_directory_path() / "pirn-file-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name + "/";
    }
    void TearDown() override {
        if (!folder.empty()) {
            std::filesystem::remove_all(folder);
        }
        on_each_backend::TearDown();
    }

    pirn::os::handle opened(const std::string& path, int flags) {
        open_file open{path.c_str(), flags, mode_t{0600}};
        pirn::os::handle file{perform(open)};
        EXPECT_TRUE(file) << path << ": " << open.result();
        return file;
    }

    std::string folder;
};

} // namespace support
