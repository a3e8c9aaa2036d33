// SPDX-License-Identifier: MIT
//
// Looking at what is alive. Under the lock of each scheduler's list, a task in it is not freed, and neither is the
// group that it is in, nor the scope that the group is in: so the way up to the parent stands still.
#include <pirn/sched/report.hpp>

#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>

#include "sched/access.hpp"
#include "sched/share.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <string_view>
#include <thread>
#include <utility>

namespace pirn {
namespace {

struct found {
    const detail::task* which;
    const detail::task* parent;
    task_report says;
};

const detail::task* parent_of(const detail::task& child) noexcept {
    const detail::cancel_node* const group = child.root.parent;
    return group != nullptr && group->parent != nullptr ? group->parent->whose : nullptr;
}

task_state state_of(const detail::task& which, bool runs) noexcept {
    if (runs) {
        return task_state::running;
    }
    if (which.waits_for.load(std::memory_order_relaxed) != nullptr && which.parked()) {
        return task_state::waiting;
    }
    return which.begun.load(std::memory_order_relaxed) ? task_state::runnable : task_state::fresh;
}

// cause_of: why the task is asked to stop, or, if a shield holds that off, why its group is. The task's own scopes may
// change while another thread looks; its group stays as long as the task is listed.
std::string_view cause_of(const detail::task& which, const scheduler& home) noexcept {
    const detail::cancel_origin* origin = nullptr;
    if (detail::scheduler_access::alone(home) || detail::scheduler_access::on_its_thread(home)) {
        origin = detail::origin_of(*which.innermost);
    }
    if (const detail::cancel_node* const group = which.root.parent;
        group != nullptr && origin == nullptr) {
        origin = group->origin.load(std::memory_order_acquire);
    }
    return origin != nullptr ? origin->cause : std::string_view{};
}

found look_at(const detail::task& which, const scheduler& home, bool runs) {
    const wait_kind* const kind = which.waits_for.load(std::memory_order_relaxed);
    const task_state state = state_of(which, runs);
    return {&which,
            parent_of(which),
            {.id = which.id(),
             .name = std::string{which.name()},
             .state = state,
             .waits_for = state == task_state::waiting && kind != nullptr ? kind->name : "",
             .asked_to_stop = which.asked_to_stop(),
             .stop_cause = std::string{cause_of(which, home)},
             .spawned_at = which.created_at,
             .worker = home.number(),
             .parent = {}}};
}

// For each task those whose parent it is, in order; the last entry is for those without a parent.
std::vector<std::vector<std::size_t>> children_of(const std::vector<task_report>& all) {
    std::vector<std::vector<std::size_t>> children(all.size() + 1);
    for (std::size_t i = 0; i < all.size(); ++i) {
        children[all[i].parent.value_or(all.size())].push_back(i);
    }
    return children;
}

std::string line_of(const task_report& one, bool several_workers) {
    std::string line = one.name.empty() ? "unnamed" : "\"" + one.name + "\"";
    line += " #" + std::to_string(one.id) + ", ";
    line += one.state == task_state::waiting ? "waits for " + one.waits_for
                                             : std::string{to_string(one.state)};
    if (one.asked_to_stop || !one.stop_cause.empty()) {
        line += one.asked_to_stop ? ", asked to stop" : ", shielded from a request to stop";
        line += one.stop_cause.empty() ? "" : " (" + one.stop_cause + ")";
    }
    line += ", spawned at " + detail::in_words(one.spawned_at);
    if (several_workers) {
        line += ", on worker " + std::to_string(one.worker);
    }
    return line + "\n";
}

void append_quoted(std::string& to, std::string_view text) {
    to += '"';
    for (const char each : text) {
        if (each == '"' || each == '\\') {
            to += '\\';
            to += each;
        } else if (static_cast<unsigned char>(each) < 0x20) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(each));
            to += escape.data();
        } else {
            to += each;
        }
    }
    to += '"';
}

// A walk over the tree without recursion, as a tree of tasks may be deep: calls `enter` on the way down with the depth
// and whether a sibling follows, `leave` on the way up.
template <class Enter, class Leave>
void walk(const std::vector<std::vector<std::size_t>>& children, Enter enter, Leave leave) {
    std::vector<std::pair<std::size_t, std::size_t>> path{{children.size() - 1, 0}};
    while (!path.empty()) {
        auto& [node, next] = path.back();
        if (next == children[node].size()) {
            path.pop_back();
            if (!path.empty()) {
                leave();
            }
            continue;
        }
        const std::size_t child = children[node][next++];
        enter(child, path.size() - 1, next < children[node].size());
        path.emplace_back(child, 0);
    }
}

} // namespace

std::string_view to_string(task_state state) noexcept {
    switch (state) {
    case task_state::fresh: return "has not begun";
    case task_state::runnable: return "waits for its turn";
    case task_state::running: return "runs";
    case task_state::waiting: return "waits";
    }
    return "";
}

namespace {

// look_at_all: every task of the scheduler, or of the whole group of workers.
std::vector<found> look_at_all(const scheduler& of) {
    std::vector<found> all;
    const auto look = [&all](const scheduler& one) {
        detail::scheduler_access::for_each_task(one,
                                                [&all, &one](const detail::task& which, bool runs) {
                                                    all.push_back(look_at(which, one, runs));
                                                });
    };
    if (const crew* const everybody = of.shares_with()) {
        for (std::size_t i = 0; i < everybody->size(); ++i) {
            if (const scheduler* const one = everybody->member(i)) {
                look(*one);
            }
        }
    } else {
        look(of);
    }
    return all;
}

// How often a look is repeated that missed a task, and the pause before.
constexpr int looks_most = 20;
constexpr std::chrono::microseconds between_looks{200};

} // namespace

std::vector<task_report> live_tasks(const scheduler& of) {
    std::size_t alive = of.alive();
    std::vector<found> all = look_at_all(of);
    // A task that is stolen is for a moment in no list, neither the victim's nor the thief's.
    for (int look = 1; look < looks_most && all.size() < std::min(alive, of.alive()); ++look) {
        std::this_thread::sleep_for(between_looks);
        alive = of.alive();
        all = look_at_all(of);
    }
    // Who was spawned first comes first, and so does a parent.
    std::ranges::sort(all, {}, [](const found& each) { return each.says.id; });
    std::map<const detail::task*, std::size_t> index;
    std::vector<task_report> reports;
    reports.reserve(all.size());
    for (found& each : all) {
        index.emplace(each.which, reports.size());
        reports.push_back(std::move(each.says));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        // A parent may have come and gone between two looks.
        if (const auto at = index.find(all[i].parent); at != index.end() && at->second != i) {
            reports[i].parent = at->second;
        }
    }
    return reports;
}

std::string task_tree(const scheduler& of) {
    const std::vector<task_report> all = live_tasks(of);
    const bool several = of.shares_with() != nullptr && of.shares_with()->size() > 1;
    std::string text = std::to_string(all.size()) + (all.size() == 1 ? " task\n" : " tasks\n");
    std::vector<bool> goes_on; // at each depth, whether a sibling follows
    walk(
        children_of(all),
        [&](std::size_t which, std::size_t depth, bool more) {
            goes_on.resize(depth);
            for (std::size_t i = 1; i < depth; ++i) {
                text += goes_on[i] ? "│  " : "   ";
            }
            if (depth > 0) {
                text += more ? "├─ " : "└─ ";
            }
            goes_on.push_back(more);
            text += line_of(all[which], several);
        },
        [] {});
    return text;
}

std::string task_tree_json(const scheduler& of) {
    const std::vector<task_report> all = live_tasks(of);
    std::string text = "{\"tasks\":[";
    walk(
        children_of(all),
        [&](std::size_t which, std::size_t /*depth*/, bool /*more*/) {
            const task_report& one = all[which];
            if (text.back() == '}') {
                text += ',';
            }
            text += "{\"id\":" + std::to_string(one.id) + ",\"name\":";
            append_quoted(text, one.name);
            text += ",\"state\":\"";
            text += std::array{"fresh", "runnable", "running",
                               "waiting"}[static_cast<std::size_t>(one.state)];
            text += "\",\"waits_for\":";
            append_quoted(text, one.waits_for);
            text += one.asked_to_stop ? ",\"asked_to_stop\":true" : ",\"asked_to_stop\":false";
            text += ",\"stop_cause\":";
            append_quoted(text, one.stop_cause);
            text += ",\"spawned_at\":";
            append_quoted(text, one.spawned_at.line() == 0 ? "" : detail::in_words(one.spawned_at));
            text += ",\"worker\":" + std::to_string(one.worker) + ",\"children\":[";
        },
        [&text] { text += "]}"; });
    return text + "]}";
}

std::string task_tree() {
    const scheduler* const here = scheduler::current();
    return here != nullptr ? task_tree(*here) : std::string{};
}

std::string task_tree_json() {
    const scheduler* const here = scheduler::current();
    return here != nullptr ? task_tree_json(*here) : std::string{};
}

void scheduler::report_alive() const noexcept {
    try {
        std::fprintf(stderr, "pirn: a scheduler ends with %zu task(s) alive:\n", alive());
        for (const task_report& one : live_tasks(*this)) {
            std::fprintf(stderr, "  \"%s\", %s, spawned at %s\n",
                         one.name.empty() ? "unnamed" : one.name.c_str(),
                         one.state == task_state::fresh ? "start" : "suspended",
                         detail::in_words(one.spawned_at).c_str());
        }
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): nothing left to say it with
    }
}

} // namespace pirn
