// SPDX-License-Identifier: MIT
//
// Waiting until a descriptor that belongs to somebody else can be read or written: how libraries that offer "give me
// your socket and call me when it is ready" are used without holding up a thread.
//
//   while (PQconsumeInput(connection), PQisBusy(connection)) pirn::io::wait_readable(PQsocket(connection));
//   pirn::with_timeout(5s, [&] { pirn::io::wait_writable(fd); });
//
// The library may close the descriptor whenever nobody waits for it. One task may wait for reading and another for
// writing; two for the same are a programmer error.
#pragma once

#include <pirn/base/export.hpp>

#include <system_error>

namespace pirn::io {

// readiness: what holds of a descriptor. After an error or a hang-up, reading and writing tell more.
struct readiness {
    bool readable = false;
    bool writable = false;
    bool hung_up = false;
    bool failed = false;
};

// wait_readable, wait_writable: until reading, or writing, would not wait: also at the end, when hung up, and after an
// error. Regular files always are. Suspend.
PIRN_EXPORT void wait_readable(int descriptor);
PIRN_EXPORT void wait_readable(int descriptor, std::error_code& error);
PIRN_EXPORT void wait_writable(int descriptor);
PIRN_EXPORT void wait_writable(int descriptor, std::error_code& error);

// wait_ready: until any of what is asked for holds; with neither, until it is hung up or fails. One task at a time,
// and none in the two above. Suspends.
PIRN_EXPORT readiness wait_ready(int descriptor, bool reading, bool writing);
PIRN_EXPORT readiness wait_ready(int descriptor, bool reading, bool writing,
                                 std::error_code& error);

// is_ready: what holds at this moment. Never suspends.
PIRN_EXPORT readiness is_ready(int descriptor);

} // namespace pirn::io
