#include "train/trace_steps.h"

#include "engine/json.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

/// A span of a trace, milliseconds.
Json span(int rank, const std::string& name, double begin, double length, int thread = 0) {
    return {{"name", name}, {"ph", "X"}, {"pid", rank}, {"tid", thread}, {"ts", 1e3 * begin}, {"dur", 1e3 * length}};
}

std::string trace_of(std::vector<Json> events) {
    events.push_back({{"name", "thread_name"}, {"ph", "M"}, {"pid", 0}, {"tid", 0}, {"args", {{"name", "main"}}}});
    return json_text({{"traceEvents", events}});
}

/// Steps of a rank: waits for images, computes, waits for sums, updates in two pieces.
void add_step(std::vector<Json>& events, int rank, double begin, double input, double compute, double sums) {
    events.push_back(span(rank, "wait for input", begin, input));
    events.push_back(span(rank, "conv0", begin + input, compute));
    events.push_back(span(rank, "wait for sums", begin + input + compute, sums));
    events.push_back(span(rank, "adam_update", begin + input + compute + sums, 1));
    events.push_back(span(rank, "adam_update", begin + input + compute + sums + 1, 1));
}

}  // namespace

TEST_CASE("Steps of ranks are read from a trace, without what they waited", "[trace_steps]") {
    std::vector<Json> events;
    // Rank 0 computes 98 ms, rank 1 118; the update takes 2. The first step's begin is not known.
    for (int step = 0; step < 3; ++step) {
        add_step(events, 0, 200 * step, 5, 98, 20 + 5 * step);
        add_step(events, 1, 200 * step, 0, 118, 0);
        events.push_back(span(0, "allreduce", 200 * step, 50, 3));  // another thread
    }
    const TracedRanks traced = traced_ranks(trace_of(events), "trace.json");
    CHECK(traced.steps == 2);
    REQUIRE(traced.ranks.size() == 2);
    // From the end of one update to that of the next: 200 ms and what the step was longer than the one before.
    const double first = 0.200 + 0.005 - 0.025 - 0.005, last = 0.200 + 0.005 - 0.030 - 0.005;
    CHECK(traced.seconds * traced.ranks[0][0].factor == Approx(first));
    CHECK(traced.seconds * traced.ranks[0][1].factor == Approx(last));
    CHECK(traced.ranks[0][0].input == Approx(0.005));
    CHECK(traced.seconds * traced.ranks[1][0].factor == Approx(0.200));
    CHECK(traced.ranks[1][0].input == Approx(0));
}

TEST_CASE("What is no trace, or has too few steps, is refused with the file's name", "[trace_steps]") {
    const auto refused = [](const std::string& text, const std::string& why) {
        CHECK_THROWS_WITH(traced_ranks(text, "a.json"), contains("[scale] a.json: ") && contains(why));
        CHECK_THROWS_AS(traced_ranks(text, "a.json"), InputError);
    };
    refused("", "wanted a trace");
    refused("{", "wanted a trace");
    refused("[1, 2]", "wanted a trace");
    refused("{\"traceEvents\": 3}", "wanted a trace");
    refused("{\"traceEvents\": [{\"ph\": \"X\"}]}", "wanted a trace");
    refused("{\"traceEvents\": []}", "wanted two steps or more");
    std::vector<Json> events;
    add_step(events, 0, 0, 5, 98, 20);
    refused(trace_of(events), "wanted two steps or more");
    add_step(events, 0, 200, 5, 98, 20);
    CHECK_NOTHROW(traced_ranks(trace_of(events), "a.json"));
    events.push_back(span(0, "adam_update", 500, 1, 4));
    refused(trace_of(events), "two threads of rank 0");
}
