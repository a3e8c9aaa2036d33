// SPDX-License-Identifier: MIT
//
// The system calls that never wait.
#include "loop/perform_at_once.hpp"

#include <pirn/loop/socket.hpp>

#include "os/socket.hpp"

#include <cerrno>

namespace pirn::detail {

int perform_at_once(const operation& what, int socket_flags) noexcept {
    switch (what.kind()) {
    case operation_kind::socket: {
        const auto& socket = static_cast<const socket_operation&>(what);
        return os::open_socket(socket.family, socket.type | socket_flags, socket.protocol);
    }
    case operation_kind::bind: {
        const auto& bind = static_cast<const bind_operation&>(what);
        return os::bind(bind.descriptor, bind.address, bind.address_size);
    }
    case operation_kind::listen: {
        const auto& listen = static_cast<const listen_operation&>(what);
        return os::listen(listen.descriptor, listen.backlog);
    }
    case operation_kind::shutdown: {
        const auto& shutdown = static_cast<const shutdown_operation&>(what);
        return os::shutdown(shutdown.descriptor, shutdown.how);
    }
    default: return -EINVAL; // nothing else comes here
    }
}

} // namespace pirn::detail
