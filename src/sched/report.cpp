// SPDX-License-Identifier: MIT
//
// Looking at what is alive. While the lock of a scheduler's list is held, a task in it is not freed, and neither is the
// group that it is in, nor the scope that the group is in: so the way up to the parent stands still. The lock is held
// for some tasks at a time, as there may be millions.
#include <pirn/sched/report.hpp>

#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>

#include "sched/access.hpp"
#include "sched/origins.hpp"
#include "sched/share.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
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
std::string_view cause_of(const detail::task& which, const scheduler& home,
                          detail::origins& known) {
    const detail::cancel_origin* origin = nullptr;
    if (detail::scheduler_access::alone(home) || detail::scheduler_access::on_its_thread(home)) {
        origin = known.of(*which.innermost);
    }
    if (const detail::cancel_node* const group = which.root.parent;
        group != nullptr && origin == nullptr) {
        origin = group->origin.load(std::memory_order_acquire);
    }
    return origin != nullptr ? origin->cause : std::string_view{};
}

found look_at(const detail::task& which, const scheduler& home, bool runs, detail::origins& known) {
    const wait_kind* const kind = which.waits_for.load(std::memory_order_relaxed);
    const task_state state = state_of(which, runs);
    return {&which,
            parent_of(which),
            {.id = which.id(),
             .name = std::string{which.name()},
             .state = state,
             .waits_for = state == task_state::waiting && kind != nullptr ? kind->name : "",
             .asked_to_stop = which.asked_to_stop(),
             .stop_cause = std::string{cause_of(which, home, known)},
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

// character_at: how many bytes the UTF-8 character at the beginning has; 0 when there is none, as where a name was cut.
// RFC 3629, section 4.
std::size_t character_at(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t size = first >= 0xc2 && first < 0xe0   ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
    // What the second byte must be, so that nothing is written longer than needed, a surrogate, or beyond the last.
    const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (std::size_t i = 1; i < size; ++i) {
        if (byte(i) < (i == 1 ? least : 0x80) || byte(i) > (i == 1 ? most : 0xbf)) {
            return 0;
        }
    }
    return size;
}

// append_quoted: as a string of JSON. What is no UTF-8 becomes the replacement character.
void append_quoted(std::string& to, std::string_view text) {
    to += '"';
    while (!text.empty()) {
        const char each = text.front();
        const std::size_t size = character_at(text);
        if (size == 0) {
            to += "\\ufffd";
        } else if (each == '"' || each == '\\') {
            to += '\\';
            to += each;
        } else if (static_cast<unsigned char>(each) < 0x20) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(each));
            to += escape.data();
        } else {
            to += text.substr(0, size);
        }
        text.remove_prefix(std::max<std::size_t>(size, 1));
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
    detail::origins known;
    const auto look = [&](const scheduler& one) {
        detail::scheduler_access::for_each_task(one, [&](const detail::task& which, bool runs) {
            all.push_back(look_at(which, one, runs, known));
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
    // What was spawned first comes first, and so does a parent. What began meanwhile was seen in two lists.
    std::ranges::sort(all, {}, [](const found& each) { return each.says.id; });
    const auto twice = std::ranges::unique(all, {}, [](const found& each) { return each.says.id; });
    all.erase(twice.begin(), twice.end());
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
    std::map<const detail::task*, std::size_t> index;
    std::vector<task_report> reports;
    reports.reserve(all.size());
    for (found& each : all) {
        index.emplace(each.which, reports.size());
        reports.push_back(std::move(each.says));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        // A parent may have come and gone between two looks, and a later task may be where it was.
        if (const auto at = index.find(all[i].parent); at != index.end() && at->second < i) {
            reports[i].parent = at->second;
        }
    }
    return reports;
}

namespace {

// drawing: the text of a tree, within limits.
class drawing {
  public:
    drawing(const std::vector<task_report>& all, bool several_workers,
            const task_tree_limits& limits)
        : all_{all}, several_{several_workers}, limits_{limits}, children_{children_of(all)},
          below_(all.size(), 0) {
        for (std::size_t i = all.size(); i-- > 0;) { // parents stand before their children
            if (const std::optional<std::size_t> parent = all[i].parent) {
                below_[*parent] += 1 + below_[i];
            }
        }
    }

    std::string draw() {
        text_ = counted(all_.size()) + "\n";
        std::vector<place> path{{children_.size() - 1, 0}};
        while (!path.empty()) {
            auto& [node, next] = path.back();
            const std::vector<std::size_t>& row = children_[node];
            if (next == row.size()) {
                path.pop_back();
                goes_on_.resize(path.size());
            } else if (lines_ >= limits_.lines) {
                text_ += "… " + counted(all_.size() - drawn_) + " more\n";
                break;
            } else if (next == limits_.width) {
                leave_out(path.size() - 1, std::span{row}.subspan(next));
                next = row.size();
            } else {
                const std::size_t child = row[next++];
                line(path.size() - 1, next < row.size());
                text_ += line_of(all_[child], several_);
                ++drawn_;
                if (path.size() < limits_.depth || children_[child].empty()) {
                    path.emplace_back(child, 0);
                } else {
                    goes_on_.resize(path.size());
                    leave_out(path.size(), children_[child]);
                }
            }
        }
        return std::move(text_);
    }

  private:
    using place = std::pair<std::size_t, std::size_t>; // a node, and the next of its children

    static std::string counted(std::size_t tasks) {
        return std::to_string(tasks) + (tasks == 1 ? " task" : " tasks");
    }

    // The beginning of a line at this depth.
    void line(std::size_t depth, bool sibling_follows) {
        goes_on_.resize(depth);
        for (std::size_t i = 1; i < depth; ++i) {
            text_ += goes_on_[i] ? "│  " : "   ";
        }
        if (depth > 0) {
            text_ += sibling_follows ? "├─ " : "└─ ";
        }
        goes_on_.push_back(sibling_follows);
        ++lines_;
    }

    void leave_out(std::size_t depth, std::span<const std::size_t> row) {
        std::size_t count = row.size();
        for (const std::size_t each : row) {
            count += below_[each];
        }
        line(depth, false);
        text_ += "… " + counted(count) + " more\n";
        drawn_ += count; // or counted, which is as good
    }

    const std::vector<task_report>& all_;
    const bool several_;
    const task_tree_limits limits_;
    const std::vector<std::vector<std::size_t>> children_;
    std::vector<std::size_t> below_; // how many tasks are below each, at any depth
    std::string text_;
    std::vector<bool> goes_on_; // at each depth, whether a sibling follows
    std::size_t lines_ = 0;
    std::size_t drawn_ = 0;
};

} // namespace

std::string task_tree(const scheduler& of, const task_tree_limits& limits) {
    const std::vector<task_report> all = live_tasks(of);
    const bool several = of.shares_with() != nullptr && of.shares_with()->size() > 1;
    return drawing{all, several, limits}.draw();
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

std::string task_tree(const task_tree_limits& limits) {
    const scheduler* const here = scheduler::current();
    return here != nullptr ? task_tree(*here, limits) : std::string{};
}

std::string task_tree_json() {
    const scheduler* const here = scheduler::current();
    return here != nullptr ? task_tree_json(*here) : std::string{};
}

void scheduler::report_alive() const noexcept {
    try {
        std::fprintf(stderr, "pirn: a scheduler ends with %zu task(s) alive:\n", alive());
        constexpr std::size_t most = 100;
        const std::vector<task_report> all = live_tasks(*this);
        for (const task_report& one : std::span{all}.first(std::min(all.size(), most))) {
            std::fprintf(stderr, "  \"%s\", %s, spawned at %s\n",
                         one.name.empty() ? "unnamed" : one.name.c_str(),
                         one.state == task_state::fresh ? "start" : "suspended",
                         detail::in_words(one.spawned_at).c_str());
        }
        if (all.size() > most) {
            std::fprintf(stderr, "  and %zu more\n", all.size() - most);
        }
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): nothing left to say it with
    }
}

} // namespace pirn
