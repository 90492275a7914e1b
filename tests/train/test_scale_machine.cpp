#include "train/scale_machine.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "train/scale_report.h"

using namespace keel;
using keel::test::contains;

namespace {

ScaleMachine machine_of(const std::string& text) {
    ScaleMachine machine;
    apply_machine(machine, text, "machine.toml");
    return machine;
}

}  // namespace

TEST_CASE("A machine is read from a file", "[scale_machine]") {
    const ScaleMachine machine = machine_of(R"(
name = "two sockets, 25 Gbit/s"
ranks_per_node = 4
[network]
gbits = 25
latency_us = 10
add_ns = 0.5
[node]
wait_us = 1
sum_ns = 0.1
[rank]
images_per_second = 28
bf16_speedup = 1.5
processor = "ice_lake"
stolen = 0.1
[input]
images_per_second = 400
[checkpoints]
seconds = 4.5
every_seconds = 1800
[failures]
node_mtbf_hours = 50000
restart_seconds = 120
)");
    CHECK(machine.name == "two sockets, 25 Gbit/s");
    CHECK(machine.ranks_per_node == 4);
    CHECK(machine.costs.beta == Approx(8 / 25e9));
    CHECK(machine.costs.alpha == Approx(10e-6));
    CHECK(machine.costs.gamma == Approx(0.5e-9));
    CHECK(machine.costs.node_alpha == Approx(1e-6));
    CHECK(machine.costs.node_gamma == Approx(1e-10));
    CHECK(machine.images_per_second == 28);
    CHECK(machine.bf16_speedup == 1.5);
    CHECK(machine.processor == "ice_lake");
    CHECK(machine.stolen == 0.1);
    CHECK(machine.input_images_per_second == 400);
    CHECK(machine.failures.checkpoint == 4.5);
    CHECK(machine.failures.checkpoint_every == 1800);
    CHECK(machine.failures.node_mtbf_hours == 50'000);
    CHECK(machine.failures.restart == 120);
    CHECK(machine_of("").ranks_per_node == 2);
}

TEST_CASE("A machine's file that says something else is refused, with key and reason", "[scale_machine]") {
    const auto refused = [](const std::string& text, const std::string& why) {
        CHECK_THROWS_WITH(machine_of(text), contains("[scale] machine.toml: ") && contains(why));
        CHECK_THROWS_AS(machine_of(text), InputError);
    };
    refused("network = [", "line 1");
    refused("[network]\ngbit = 25", "unknown key 'network.gbit'");
    refused("speed = 3", "unknown key 'speed'");
    refused("[netwerk]\ngbits = 1", "unknown key 'netwerk.gbits'");
    refused("[network]\ngbits = 0", "network.gbits: wanted a number, above 0");
    refused("[network]\ngbits = nan", "network.gbits: wanted a number");
    refused("[network]\ngbits = inf", "network.gbits: wanted a number");
    refused("[network]\ngbits = \"25\"", "network.gbits: wanted a number");
    refused("[network]\ngbits = true", "network.gbits: wanted a number");
    refused("[network]\nlatency_us = -1", "network.latency_us: wanted a number, 0 or more");
    refused("ranks_per_node = 2.5", "ranks_per_node: wanted a whole number");
    refused("ranks_per_node = 0", "ranks_per_node");
    refused("name = 3", "name: wanted a text");
    refused("[rank]\nprocessor = 3", "rank.processor: wanted a text");
    refused("[rank]\nbf16_speedup = 1000", "rank.bf16_speedup: wanted a number, above 0, 100 at most");
}

TEST_CASE("A report follows the machine: traces, precision, wire, input, failures", "[scale_machine]") {
    const StepProfile measured{
        .compute = 0.9, .update = 0.1, .ready = {0.5, 0.9}, .bytes = {8 << 20, 8 << 20}, .factors = {}};
    ScaleQuestion question;
    question.step.batch = 16;
    question.nodes = {1, 256};
    question.machine.ranks_per_node = 1;
    CHECK(scaled_profile(measured, {}, question).compute == 0.9);
    question.machine.images_per_second = 32;
    CHECK(scaled_profile(measured, {}, question).compute == Approx(0.45));
    question.precision = "bf16";
    CHECK_THROWS_WITH(scaled_profile(measured, {}, question), contains("rank.bf16_speedup"));
    question.machine.bf16_speedup = 2;
    CHECK(scaled_profile(measured, {}, question).compute == Approx(0.225));
    question.modelled = 0.25;  // counts more than all that is given
    CHECK(scaled_profile(measured, {}, question).compute == Approx(0.225));
    question.precision = "f32";
    CHECK(scaled_profile(measured, {}, question).compute == Approx(0.225));
    question.modelled = 0;
    question.machine.images_per_second = 0;

    // Two traces: ranks of 2 s a step, and of 4 s, of which one is a tenth slower.
    const std::vector<TracedRanks> traces{{{{{1}, {1}}}, 2, 2}, {{{{1}, {1}}, {{1.1}, {1.1}}}, 4, 2}};
    const StepProfile traced = scaled_profile(measured, traces, question);
    CHECK(traced.compute + traced.update == Approx(3));
    REQUIRE(traced.groups.size() == 2);
    CHECK(3 * traced.groups[0][0][0].factor == Approx(2));
    CHECK(3 * traced.groups[1][1][0].factor == Approx(4.4));

    question.machine.failures = {.node_mtbf_hours = 5000, .checkpoint = 10, .restart = 300};
    question.machine.input_images_per_second = 8;  // two seconds for the 16 images of a step
    Json report = scale_report(measured, question);
    REQUIRE(report["points"].size() == 2);
    CHECK(report["points"][0]["step_ms"].get<double>() == Approx(2000));
    CHECK(report["points"][1]["failures"].get<double>() == Approx(12.0 * 256 / 5000));
    const auto share = [&](std::size_t i) { return report["points"][i]["useful_share"].get<double>(); };
    CHECK(share(1) < share(0));
    CHECK(share(1) > 0.9);
    CHECK_THAT(scale_text(report), contains("a node fails once in 5000 hours") && contains("useful"));
    const double f32 = report["points"][1]["sums_ms"].get<double>();
    question.wire = "bf16";
    question.machine.costs.alpha = 0;
    question.machine.costs.gamma = 0;
    report = scale_report(measured, question);
    CHECK(report["points"][1]["sums_ms"].get<double>() < 0.6 * f32);
}
