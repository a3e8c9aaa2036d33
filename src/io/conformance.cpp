// SPDX-License-Identifier: MIT
//
// The table of the laws, and going through it.
#include <pirn/io/conformance.hpp>

#include <pirn/scope/timeout.hpp>

#include "io/conformance_laws.hpp"

#include <array>
#include <exception>
#include <string>

namespace pirn::io {
namespace {

using namespace laws;

struct law {
    const char* name;
    void (*holds)(law_context&);
    bool conformance_options::* needs = nullptr;
};

constexpr std::array table{
    law{"bytes arrive as they were written, in their order", &carries_bytes},
    law{"single bytes arrive one by one", &carries_single_bytes},
    law{"a read gives what there is", &does_not_wait_for_a_full_buffer},
    law{"a read waits for bytes", &waits_for_bytes, &conformance_options::waits},
    law{"several pieces are as good as one", &takes_several_pieces},
    law{"a write of nothing does nothing", &writes_nothing_at_once},
    law{"a write waits while nobody reads", &stops_taking_when_nobody_reads,
        &conformance_options::bounded},
    law{"the end comes after the last byte", &ends_in_order},
    law{"one direction ends alone", &ends_one_direction_alone, &conformance_options::half_close},
    law{"a waiting reader hears of the end", &wakes_a_reader_with_the_end},
    law{"a writer hears that nobody reads any more", &tells_a_writer_that_nobody_reads_any_more,
        &conformance_options::bounded},
    law{"calls after close are operation_canceled", &answers_after_close},
    law{"close ends a read in flight", &ends_what_is_in_flight_when_closed,
        &conformance_options::waits},
    law{"close ends a write in flight", &ends_a_write_when_closed, &conformance_options::bounded},
    law{"a request to stop ends a wait", &ends_when_the_task_is_asked_to_stop,
        &conformance_options::waits},
    law{"nothing is lost by cancelling at random", &loses_nothing_when_cancelled_at_random,
        &conformance_options::waits},
    law{"misuse is reported", &reports_misuse},
};

// What is wrong with one law; nothing if it holds.
std::string verdict(const law& which, law_context& context) {
    try {
        with_timeout(context.options.patience, [&] { which.holds(context); });
        return {};
    } catch (const broken& found) {
        return found.how;
    } catch (const timed_out&) {
        return "it hangs";
    } catch (const std::exception& error) {
        return error.what();
    }
}

} // namespace

std::size_t
check_byte_stream(const std::function<checked_pair()>& make,
                  const std::function<void(std::string_view law, std::string_view how)>& report,
                  const conformance_options& options) {
    std::size_t count = 0;
    for (const law& each : table) {
        if (each.needs != nullptr && !(options.*each.needs)) {
            continue;
        }
        const checked_pair pair = make();
        law_context context{*pair.near, *pair.far, options};
        if (const std::string how = verdict(each, context); !how.empty()) {
            ++count;
            report(each.name, how);
        }
    }
    return count;
}

} // namespace pirn::io
