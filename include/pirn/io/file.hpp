// SPDX-License-Identifier: MIT
//
// Open files: streams of bytes with a place that moves, and reads and writes at any place. Never hold up the
// thread: io_uring, or the blocking pool does the work.
//
//   auto log = pirn::io::file::open("log", {.read = false, .append = true, .create = true});
//   log.write_all("started\n");
//   log.sync_data();
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/io/file_system.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/os/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

namespace pirn::io {

// open_options: what a file is opened for: reading, writing or both; neither is std::errc::invalid_argument.
struct open_options {
    bool read = true;
    bool write = false;
    bool append = false;    // each write goes to the end; implies write
    bool create = false;    // if there is none
    bool exclusive = false; // refused if there is one; implies create
    bool truncate = false;  // of no bytes afterwards; implies write
    bool follow_links = true;
    mode_t permissions = 0666; // of one that is created, less the umask
};

// file: owns a descriptor, and belongs to the runtime that it was opened on. As a byte_stream it reads and writes at
// its own position: one task reads while another writes, and both move it. What is done `_at` an offset leaves the
// position alone, and any number of tasks may do that at a time. shutdown_write is std::errc::not_supported.
//
// Cancelled, what has begun ends as soon as the file system lets it, mostly with its result. Move-only; not to be
// moved while in use.
class PIRN_EXPORT file final : public byte_stream {
  public:
    // A file that is not open.
    file() noexcept = default;
    // Adopts a descriptor. Called inside a task. Never suspends.
    explicit file(os::handle&& owned);
    file(file&&) noexcept = default;
    file& operator=(file&&) noexcept = default;
    ~file() override { do_close(); }

    // open: an existing file for reading, unless the options say otherwise. A named pipe is open when another open has
    // opened its other end too; until then it takes a thread of the pool or of the kernel. Suspends.
    static file open(const std::filesystem::path& path, const open_options& options = {});
    static file open(const std::filesystem::path& path, const open_options& options,
                     std::error_code& error);
    // create: a file for writing, of no bytes, in place of one that is there. Suspends.
    static file create(const std::filesystem::path& path);
    static file create(const std::filesystem::path& path, std::error_code& error);

    // read_at: at least one byte, 0 at the end of the file. Offsets are bytes from the beginning. This, and all that is
    // done `_at` an offset, is std::errc::invalid_seek for a pipe, a socket or a terminal, on each backend. Suspends.
    std::size_t read_at(mutable_bytes into, std::uint64_t offset);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    read_at(mutable_bytes into, std::uint64_t offset, std::error_code& error);

    // write_at: at least one byte; write_all_at: all of them, the second form how many before the error. Past
    // the end, the file grows, with zeros in between. Of a file opened with `append`, Linux writes to the end all
    // the same. Suspend.
    std::size_t write_at(bytes from, std::uint64_t offset);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    write_at(bytes from, std::uint64_t offset, std::error_code& error);
    void write_all_at(bytes from, std::uint64_t offset);
    std::size_t write_all_at(bytes from, std::uint64_t offset, std::error_code& error);

    // read_vector_at, write_vector_at: with several pieces of memory, in their order. Suspend.
    std::size_t read_vector_at(std::span<const mutable_bytes> into, std::uint64_t offset);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    read_vector_at(std::span<const mutable_bytes> into, std::uint64_t offset,
                   std::error_code& error);
    std::size_t write_vector_at(std::span<const bytes> from, std::uint64_t offset);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    write_vector_at(std::span<const bytes> from, std::uint64_t offset, std::error_code& error);

    // position, seek: where the stream reads and writes next. Never suspend.
    std::uint64_t position() const;
    void seek(std::uint64_t offset);
    // seek_to_end: behind the last byte; where that is. Never suspends.
    std::uint64_t seek_to_end();

    // sync: returns when everything is on the disk; sync_data: when the bytes are, and what is needed to find
    // them. Suspend.
    void sync();
    void sync(std::error_code& error);
    void sync_data();
    void sync_data(std::error_code& error);

    // status: what is known about it. Suspends.
    file_status status();
    file_status status(std::error_code& error);

    // truncate: makes it so long, with zeros where there was nothing. Suspends.
    void truncate(std::uint64_t size);
    void truncate(std::uint64_t size, std::error_code& error);

    // allocate: reserves room on the disk, so that writing there does not fail for want of it; the file gets at
    // least so long. Suspends.
    void allocate(std::uint64_t offset, std::uint64_t size);
    void allocate(std::uint64_t offset, std::uint64_t size, std::error_code& error);

    // lock: flock(2): keeps others out, if they ask too; until unlock or close. The kernel can only be waited for by
    // a thread, so that this asks again and again, every 50 ms at the end. Suspends.
    enum class lock_kind : std::uint8_t { shared, exclusive };
    void lock(lock_kind kind = lock_kind::exclusive);
    void lock(lock_kind kind, std::error_code& error);
    // try_lock: whether it got it. unlock: gives it back. Never suspend.
    [[nodiscard("whether it was done is the answer; look at it")]] bool
    try_lock(lock_kind kind = lock_kind::exclusive);
    void unlock();

    bool is_open() const noexcept { return endpoint_.is_open(); }
    // native_handle: the descriptor, -1 when not open; still owned by the file. Never suspends.
    int native_handle() const noexcept { return endpoint_.descriptor(); }

  private:
    std::size_t do_read(mutable_bytes into, std::error_code& error) override;
    std::size_t do_write(bytes from, std::error_code& error) override;
    std::size_t do_read_vector(std::span<const mutable_bytes> into,
                               std::error_code& error) override;
    std::size_t do_write_vector(std::span<const bytes> from, std::error_code& error) override;
    void do_shutdown_write(std::error_code& error) override;
    void do_close() noexcept override { endpoint_.close(); }
    detail::endpoint* do_endpoint() const noexcept override { return &endpoint_; }

    mutable detail::endpoint endpoint_;
    bool has_places_ = false; // whether there are offsets; no need to ask again for each
};

// read_file: all bytes of a file, as text or not. More than `most` are std::errc::file_too_large. Suspends.
PIRN_EXPORT std::string read_file(const std::filesystem::path& path,
                                  std::size_t most = std::size_t{1} << 30);

} // namespace pirn::io
