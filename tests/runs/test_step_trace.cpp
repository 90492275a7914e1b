#include "runs/step_trace.h"

#include <filesystem>

#include "distributed/communicator.h"
#include "distributed/thread_communicator.h"
#include "engine/json.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// trace.json behind `steps` steps of a run that traces `traced` of them, each a span; empty where none was written.
std::string trace(int traced, int steps, bool ends = true) {
    const TemporaryFolder folder;
    run_worlds({1, 1, {}}, [&](World& world) {
        RunDirectory directory(folder / "run", ExistingRun::refuse, true);
        StepTrace trace(world, directory, traced);
        for (int step = 1; step <= steps; ++step) {
            { const profile::Span span("work"); }
            trace.on_step({});
        }
        if (ends) trace.on_end();
    });
    const std::string file = folder / "run/trace.json";
    return std::filesystem::exists(file) ? read_text(file) : "";
}

std::int64_t spans(const std::string& text) {
    const Json json = parse_json(text);
    return std::ranges::count_if(json.at("traceEvents"), [](const Json& event) { return event.at("name") == "work"; });
}

}  // namespace

TEST_CASE("A trace begins behind the tenth step and is written after as many as were asked for", "[trace]") {
    CHECK(spans(trace(3, 20, false)) == 3);
    CHECK(spans(trace(1, 11, false)) == 1);
    CHECK(trace(3, 12, false).empty());
}

TEST_CASE("A run that ends before gives what there is, one that was not to be traced nothing", "[trace]") {
    CHECK(spans(trace(5, 12)) == 2);
    CHECK(trace(5, 9).empty());
    CHECK(trace(0, 20).empty());
}
