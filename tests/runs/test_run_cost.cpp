#include "runs/energy/run_cost.h"

#include <string>
#include <vector>

#include "kernels/error.h"
#include "runs/energy/run_meter.h"
#include "runs/report/costs.h"
#include "runs/run_recorder.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

const RunCost kCost{
    .seconds = 3720, .core_hours = 2.5, .joules = 7.2e6, .estimated = true, .source = "estimate: <x>", .processes = 2};

/// Observers of a run that is made up, in the order in which keel train has them.
struct Metered {
    TemporaryFolder folder;
    std::string path = folder / "run", watts = folder / "watts";
    World world{[] { return std::shared_ptr<Communicator>(self_communicator()); }};
    TrainConfig config;
    std::optional<RunMeter> meter;
    std::optional<RunDirectory> directory;
    std::optional<RunRecorder> recorder;
    ModelSpec spec{.name = "resnet18", .options = {.classes = 2}, .label_names = {"a", "b"}};

    void begin(bool resumes) {
        write_text(watts, "100 W");
        config.power_file = watts;
        config.price_core_hour = 2;
        recorder.reset();
        directory.reset();
        meter.emplace(world, config);
        directory.emplace(path, resumes ? ExistingRun::resume : ExistingRun::refuse, true);
        recorder.emplace(*directory, &*meter, resumes);
        meter->on_start({.total_steps = 40});
    }
    void step(std::int64_t number) {
        const StepReport report{.epoch = 1, .epochs = 4, .step = number};
        meter->on_step(report);
        recorder->on_step(report);
    }
    void epoch(std::int64_t number) {
        const EpochReport report{.epoch = number, .epochs = 4, .step = 10 * number, .spec = &spec};
        meter->on_epoch(report);
        recorder->on_epoch(report);
    }
    Json last_row() const {
        const std::string rows = read_text(path + "/metrics.jsonl");
        const std::string all = rows.substr(0, rows.size() - 1);
        return parse_json(all.substr(all.find_last_of('\n') + 1));
    }
    RunCost written() const { return read_cost(read_text(path + "/spent.json"), "spent.json"); }
};

}  // namespace

TEST_CASE("What a run took is written and read back", "[cost]") {
    const Prices prices{.core_hour = 0.1, .kwh = 0.5, .gco2_kwh = 400};
    const Json json = cost_json(kCost, prices);
    CHECK(json["kwh"] == 2.0);
    CHECK(json["price"] == 2.5 * 0.1 + 2 * 0.5);
    CHECK(json["gco2"] == 800.0);
    const RunCost again = read_cost(json_text(json), "f");
    CHECK((again.seconds == 3720 && again.core_hours == 2.5 && again.joules == 7.2e6 && again.processes == 2));
    CHECK((again.estimated && again.source == kCost.source));
    CHECK(cost_text(kCost, prices) == "1 h 2 min, 2.5 core-hours, 2 kWh (estimate), price 1.25, 800 g CO2");
    const Json plain = cost_json(kCost, {});
    CHECK_FALSE(plain.contains("price"));
    CHECK_FALSE(plain.contains("gco2"));
}

TEST_CASE("What is no record of what a run took is refused", "[cost]") {
    const std::string good = json_text(cost_json(kCost, {}));
    CHECK_NOTHROW(read_cost(good, "f"));
    for (const char* text : {"", "[]", "{}", "3", "{\"seconds\":1}"}) CHECK_THROWS_AS(read_cost(text, "f"), InputError);
    for (const char* value : {"-1", "\"x\"", "null", "1e300", "true"}) {
        Json bad = parse_json(good);
        bad["seconds"] = parse_json(value);
        CHECK_THROWS_AS(read_cost(json_text(bad), "f"), InputError);
    }
}

TEST_CASE("Durations read as people say them", "[cost]") {
    CHECK(duration_text(59.4) == "59 s");
    CHECK(duration_text(75) == "1 min 15 s");
    CHECK(duration_text(12000) == "3 h 20 min");
    CHECK(duration_text(52 * 3600) == "2 d 4 h");
    CHECK(duration_text(-1) == "unknown");
    CHECK(duration_text(1e300) == "unknown");
}

TEST_CASE("A run keeps what it took and what is to come, over several processes", "[cost]") {
    Metered run;
    run.begin(false);
    run.step(1);
    run.step(10);
    run.epoch(1);
    const Json row = run.last_row();
    CHECK(row["spent_seconds"].get<double>() > 0);
    CHECK(row["spent_price"].get<double>() == 2 * row["spent_core_hours"].get<double>());
    CHECK(row["kwh_estimated"] == false);
    CHECK(row["to_come_seconds"].get<double>() > 0);
    CHECK_FALSE(read_text(run.path + "/metrics.csv").find("spent") != std::string::npos);  // old tables go on
    const RunCost first = run.written();
    CHECK(first.processes == 1);
    CHECK(first.source == "power file " + run.watts);

    run.begin(true);
    run.step(11);
    CHECK_FALSE(run.meter->to_come());  // one step says nothing of how long they take
    run.step(40);
    CHECK(run.meter->to_come()->seconds == 0);
    run.epoch(4);
    const RunCost second = run.written();
    CHECK(second.processes == 2);
    CHECK(second.seconds > first.seconds);
    CHECK(second.joules >= first.joules);
}

TEST_CASE("A damaged record of what was spent is told, and the run goes on", "[cost]") {
    Metered run;
    run.begin(false);
    run.epoch(1);
    write_text(run.path + "/spent.json", "{\"seconds\": -3}");
    run.begin(true);
    run.epoch(2);
    CHECK(run.written().processes == 1);
    CHECK_THAT(read_text(run.path + "/log.txt"), contains("what the run spent before does not count"));
}

TEST_CASE("A report says what a run took, and that an estimate is one", "[cost]") {
    report::RunData data;
    CHECK(report::costs_html(data).empty());
    data.spent = kCost;
    data.config.gco2_kwh = 100;
    const std::string html = report::costs_html(data);
    CHECK_THAT(html, contains("energy, an estimate") && contains("carbon dioxide, an estimate") &&
                         contains("estimate: &lt;x&gt;") && contains("2 processes"));
    data.spent->estimated = false;
    CHECK_THAT(report::costs_html(data), !contains("an estimate") && contains("other work on them included"));
}
