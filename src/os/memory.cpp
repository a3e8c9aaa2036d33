// SPDX-License-Identifier: MIT
//
// Memory from the kernel, by mmap and madvise. Advice for many ranges goes through process_madvise(2)
// on this very process, which takes a vector of ranges; kernels before 6.13 refuse that, and then it is
// a loop of madvise(2).
//
// Shared state: `split_guards`, how many guards split a mapping. Written by guard_row and
// forget_split_guards. And what drop_memory keeps for later, under a mutex.
#include "os/memory.hpp"

#include <pirn/base/config.hpp>

#include "base/sanitizers.hpp"
#include "base/valgrind.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// What the C library's headers may be too old to know; system calls since 424 have one number on every
// processor.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

namespace pirn::os {
namespace {

constexpr int madv_guard_install = 102; // Linux 6.13
constexpr int madv_nonsense = 0x7ead;   // no kernel knows it

// Ranges in one system call; the kernel takes up to 1,024.
constexpr std::size_t batch_max = 512;

std::atomic<std::size_t> split_guards{0};

// This process, as process_madvise wants it. Opened for each batch, because a forked child must not
// advise its parent, and closed at once.
class self_descriptor {
  public:
    self_descriptor() noexcept : descriptor_{open()} {}
    ~self_descriptor() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }
    self_descriptor(const self_descriptor&) = delete;
    self_descriptor& operator=(const self_descriptor&) = delete;

    // Bytes advised from the front; 0 when this kernel refuses.
    std::size_t advise(std::span<const iovec> ranges, int advice) const noexcept {
        if (descriptor_ < 0) {
            return 0;
        }
        const long done =
            ::syscall(SYS_process_madvise, descriptor_, ranges.data(), ranges.size(), advice, 0);
        return done < 0 ? 0 : static_cast<std::size_t>(done);
    }

  private:
    static int open() noexcept {
        if (pirn::detail::under_valgrind()) {
            return -1; // valgrind 3.19 does not know the call, and would print a warning
        }
        return static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
    }

    int descriptor_;
};

// Gives the same advice for each range, in order. How many ranges took it before one was refused.
std::size_t advise_each(const self_descriptor& self, std::span<const iovec> ranges,
                        int advice) noexcept {
    std::size_t bytes = self.advise(ranges, advice);
    std::size_t done = 0;
    // The call may end early, even within a range: what it did not finish is done one by one.
    while (done < ranges.size() && bytes >= ranges[done].iov_len) {
        bytes -= ranges[done].iov_len;
        ++done;
    }
    while (done < ranges.size() &&
           ::madvise(ranges[done].iov_base, ranges[done].iov_len, advice) == 0) {
        ++done;
    }
    return done;
}

// Whether the answer to advice means anything. An emulator of system calls (qemu-user) says yes to advice
// that it has never heard of and does nothing, and a guard would be none: there, guards split mappings.
bool takes_advice_seriously() noexcept {
    static const bool serious = [] {
        void* page = ::mmap(nullptr, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) {
            return true; // there will be no guards either
        }
        const bool refused = ::madvise(page, page_size(), madv_nonsense) != 0;
        ::munmap(page, page_size());
        return refused;
    }();
    return serious;
}

// How many guards may split mappings: each makes two more of them.
std::size_t split_guards_max() noexcept {
    static const std::size_t limit = [] {
        std::size_t mappings = 65530; // the kernel's default
        const int file = ::open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            std::array<char, 32> text{};
            const ssize_t size = ::read(file, text.data(), text.size());
            ::close(file);
            std::from_chars(text.data(), text.data() + std::max<ssize_t>(size, 0), mappings);
        }
        return mappings / 8 * 3;
    }();
    return limit;
}

bool guard_by_splitting(std::byte* first, std::size_t size) noexcept {
    // relaxed: a count; nothing is read on its account.
    if (split_guards.fetch_add(1, std::memory_order_relaxed) < split_guards_max() &&
        ::mprotect(first, size, PROT_NONE) == 0) {
        return true;
    }
    forget_split_guards(1);
    return false;
}

} // namespace

std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

std::size_t round_to_pages(std::size_t bytes) noexcept {
    const std::size_t page = page_size();
    return (bytes + page - 1) / page * page;
}

std::span<std::byte> whole_pages(std::span<std::byte> memory) noexcept {
    const std::size_t page = page_size();
    const auto low = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::size_t skip = (page - low % page) % page;
    return skip >= memory.size() ? std::span<std::byte>{}
                                 : memory.subspan(skip, (memory.size() - skip) / page * page);
}

std::span<std::byte> reserve_memory(std::size_t size) noexcept {
    // NORESERVE: a stack is mostly never touched, and the kernel shall not account for what is not.
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return {};
    }
    // A huge page would commit 2 MiB at the first touch of a stack that needs 4 KiB.
    ::madvise(memory, size, MADV_NOHUGEPAGE);
    return {static_cast<std::byte*>(memory), size};
}

bool guard_memory(std::span<std::byte> pages) noexcept {
    return (takes_advice_seriously() &&
            ::madvise(pages.data(), pages.size(), madv_guard_install) == 0) ||
           ::mprotect(pages.data(), pages.size(), PROT_NONE) == 0;
}

guards_made guard_row(std::byte* first, guard_spacing spacing, std::size_t count) noexcept {
    const self_descriptor self;
    std::array<iovec, batch_max> ranges;
    guards_made made;
    bool refused = !takes_advice_seriously();
    while (made.guarded < count && !refused) {
        const std::size_t batch = std::min(count - made.guarded, batch_max);
        for (std::size_t i = 0; i < batch; ++i) {
            ranges[i] = {first + (made.guarded + i) * spacing.stride, spacing.guard};
        }
        const std::size_t done =
            advise_each(self, std::span{ranges}.first(batch), madv_guard_install);
        made.guarded += done;
        refused = done < batch;
    }
    while (made.guarded < count &&
           guard_by_splitting(first + made.guarded * spacing.stride, spacing.guard)) {
        ++made.guarded;
        ++made.split;
    }
    return made;
}

void forget_split_guards(std::size_t count) noexcept {
    split_guards.fetch_sub(count, std::memory_order_relaxed);
}

// Not inlined into give_back: the row of ranges may take eight kilobytes of the stack on which this runs.
template <std::size_t Most>
PIRN_NOINLINE static bool give_back_many(std::span<const std::span<std::byte>> pages) noexcept {
    const self_descriptor self;
    std::array<iovec, Most> ranges;
    bool all = true;
    while (!pages.empty()) {
        const std::size_t batch = std::min(pages.size(), Most);
        for (std::size_t i = 0; i < batch; ++i) {
            ranges[i] = {pages[i].data(), pages[i].size()};
        }
        std::size_t done = advise_each(self, std::span{ranges}.first(batch), MADV_DONTNEED);
        if (done < batch) {
            all = false;
            ++done; // the one that was refused keeps its pages; the others need not
        }
        pages = pages.subspan(done);
    }
    return all;
}

bool give_back(std::span<const std::span<std::byte>> pages) noexcept {
    if (pages.size() == 1) {
        return ::madvise(pages[0].data(), pages[0].size(), MADV_DONTNEED) == 0;
    }
    constexpr std::size_t few = 32; // on a stack that may be small
    return pages.size() <= few ? give_back_many<few>(pages) : give_back_many<batch_max>(pages);
}

void forget_marks(std::span<std::byte> memory) noexcept {
    if (&__asan_unpoison_memory_region != nullptr) {
        // A function that never returned has left the marks of its locals behind.
        __asan_unpoison_memory_region(memory.data(), memory.size());
    }
    pirn::detail::memory_is_undefined(memory);
}

void zero_memory(std::span<std::byte> memory) noexcept {
    forget_marks(memory);
    std::memset(memory.data(), 0, memory.size());
}

void wipe_memory(std::span<std::byte> memory) noexcept {
    forget_marks(memory);
    const std::span<std::byte> pages = whole_pages(memory);
    // The highest page will be touched again at once by whoever gets the memory next.
    if (pages.size() <= page_size()) {
        std::memset(memory.data(), 0, memory.size());
        return;
    }
    const std::span<std::byte> below = pages.first(pages.size() - page_size());
    const auto head = static_cast<std::size_t>(below.data() - memory.data());
    pirn::detail::memory_is_defined(memory); // below, if given back; the rest is written anyway
    const std::size_t kept = give_back({&below, 1}) ? head + below.size() : head;
    std::memset(memory.data(), 0, head);
    std::memset(memory.data() + kept, 0, memory.size() - kept);
}

bool is_resident(std::span<std::byte> pages) noexcept {
    std::array<unsigned char, 64> each{};
    while (!pages.empty()) {
        const std::span<std::byte> some =
            pages.first(std::min(pages.size(), each.size() * page_size()));
        if (::mincore(some.data(), some.size(), each.data()) != 0 ||
            !std::ranges::all_of(std::span{each}.first(some.size() / page_size()),
                                 [](unsigned char page) { return (page & 1U) != 0; })) {
            return false;
        }
        pages = pages.subspan(some.size());
    }
    return true;
}

bool release_memory(std::span<std::byte> memory) noexcept {
    if (::munmap(memory.data(), memory.size()) == 0) {
        return true;
    }
    give_back({&memory, 1});
    return false;
}

namespace {

// What drop_memory could not give back. Shared state: the ranges, guarded by `mutex`.
struct refused_ranges {
    std::mutex mutex;
    std::vector<std::span<std::byte>> ranges;
};

refused_ranges& refused() noexcept {
    // Never destroyed: memory may be dropped by static destructors. In static storage: there may be none to allocate.
    alignas(refused_ranges) static std::byte storage[sizeof(refused_ranges)];
    static auto* const instance = ::new (storage) refused_ranges;
    return *instance;
}

} // namespace

void drop_memory(std::span<std::byte> memory) noexcept {
    const bool released = release_memory(memory);
    refused_ranges& earlier = refused();
    const std::lock_guard lock{earlier.mutex};
    if (!released) {
        try {
            earlier.ranges.push_back(memory);
        } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): its pages are gone, and
        } // nothing remembers the address space
        return;
    }
    while (!earlier.ranges.empty() && release_memory(earlier.ranges.back())) {
        earlier.ranges.pop_back();
    }
}

} // namespace pirn::os
