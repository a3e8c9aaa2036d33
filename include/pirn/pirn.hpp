// SPDX-License-Identifier: MIT
//
// Everything, for programs that do not mind the compile time. Each header also stands alone.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/live.hpp>
#include <pirn/base/time.hpp>
#include <pirn/base/version.hpp>
#include <pirn/coro/batch.hpp>
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/generator.hpp>
#include <pirn/coro/reclaim.hpp>
#include <pirn/coro/storage.hpp>
#include <pirn/io/signal.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/net/address.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/alarm.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/park.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/no_suspend.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>
#include <pirn/stack/usage.hpp>
#include <pirn/sync/barrier.hpp>
#include <pirn/sync/broadcast.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/condition.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/latch.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/once.hpp>
#include <pirn/sync/oneshot.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>
#include <pirn/sync/shared_mutex.hpp>
#include <pirn/sync/watch.hpp>
