#include "engine/profile_summary.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/json.h"
#include "tests/support/catch.h"

using namespace keel::profile;
using json = keel::Json;

namespace {

constexpr Place kRoot{0, Pass::forward}, kForward{1, Pass::forward}, kBackward{1, Pass::backward};

/// A step of 100 us: a layer's forward pass of 40 us with 30 us of work in two kernels, its backward pass of 50 us with
/// 45 us of work, a kernel inside which another works for 5 us; beside it a thread of its own.
Recording step() {
    const std::int64_t us = 1000;
    return {{"", "conv1"},
            {{"gemm", kForward, 0, 1005 * us, 1025 * us, {4e6, 1e6}},
             {"copy", kForward, 0, 1025 * us, 1035 * us, {0, 2e6}},
             {kEngine, kForward, 0, 1000 * us, 1040 * us, {}},
             {"copy", kBackward, 0, 1060 * us, 1065 * us, {0, 1e6}},
             {"gemm", kBackward, 0, 1050 * us, 1095 * us, {8e6, 2e6}},
             {kEngine, kBackward, 0, 1045 * us, 1095 * us, {}},
             {kEngine, kRoot, 0, 1000 * us, 1100 * us, {}},
             {"decode", kRoot, 1, 990 * us, 1090 * us, {}}},
            990 * us};
}

void check(const Totals& totals, std::int64_t calls, double microseconds, double flops, double bytes) {
    CHECK(totals.calls == calls);
    CHECK(1e6 * totals.seconds == Approx(microseconds));
    CHECK(totals.cost.flops == flops);
    CHECK(totals.cost.bytes == bytes);
}

}  // namespace

TEST_CASE("totals by kind leave out the spans inside and add up to the time of the step", "[profile]") {
    const Summary summary = summarize(step());
    CHECK(1e6 * summary.seconds == Approx(100));
    REQUIRE(summary.kinds.size() == 3);
    CHECK(summary.kinds[0].kind == "gemm");
    check(summary.kinds[0].totals, 2, 20 + 40, 12e6, 3e6);
    CHECK(summary.kinds[1].kind == kEngine);
    check(summary.kinds[1].totals, 3, 10 + 5 + 10, 0, 0);
    CHECK(summary.kinds[2].kind == "copy");
    check(summary.kinds[2].totals, 2, 10 + 5, 0, 3e6);
}

TEST_CASE("totals by layer tell forward from backward and add up to the time of the step", "[profile]") {
    const Summary summary = summarize(step());
    REQUIRE(summary.layers.size() == 2);
    CHECK(summary.layers[0].layer.empty());
    check(summary.layers[0].forward, 1, 10, 0, 0);
    check(summary.layers[0].backward, 0, 0, 0, 0);
    CHECK(summary.layers[1].layer == "conv1");
    check(summary.layers[1].forward, 3, 40, 4e6, 3e6);
    check(summary.layers[1].backward, 3, 50, 8e6, 3e6);
}

TEST_CASE("spans that begin and end together are told apart by the order of their ends", "[profile]") {
    const Summary summary =
        summarize({{"", "conv1"},
                   {{"gemm", kForward, 0, 5, 9, {}}, {kEngine, kForward, 0, 5, 9, {}}, {kEngine, kRoot, 0, 5, 9, {}}},
                   0});
    CHECK(summary.kinds.front().kind == "gemm");
    CHECK(1e9 * summary.kinds.front().totals.seconds == Approx(4));
    CHECK(summary.layers.front().layer.empty());
    CHECK(1e9 * summary.seconds == Approx(4));
}

TEST_CASE("nothing recorded is nothing summarized", "[profile]") {
    const Summary summary = summarize({});
    CHECK(summary.seconds == 0);
    CHECK(summary.kinds.empty());
    CHECK(summary.layers.empty());
    CHECK(keel::parse_json(chrome_trace({})).at("traceEvents").empty());
}

TEST_CASE("a trace is valid JSON whose events nest on a track for each thread", "[profile]") {
    const Recording recording = step();
    const json trace = keel::parse_json(chrome_trace(recording));
    std::vector<json> spans, names;
    for (const json& event : trace.at("traceEvents")) (event.at("ph") == "X" ? spans : names).push_back(event);
    REQUIRE(spans.size() == recording.records.size());
    REQUIRE(names.size() == 2);
    CHECK(names[0].at("args").at("name") == "main");
    CHECK(names[1].at("tid") == 1);

    const auto end = [](const json& e) { return e.at("ts").get<double>() + e.at("dur").get<double>(); };
    for (const json& a : spans) {
        CHECK(a.at("ts") >= 0);
        for (const json& b : spans) {
            if (a.at("tid") != b.at("tid") || a.at("ts") > b.at("ts")) continue;
            INFO(a << b);
            CHECK(
                (b.at("ts") >= end(a) || end(b) <= end(a) || a.at("ts") == b.at("ts")));  // apart, or one in the other
        }
    }
    const auto gemm = std::ranges::find_if(spans, [](const json& e) { return e.at("name") == "gemm"; });
    REQUIRE(gemm != spans.end());
    CHECK(gemm->at("ts") == 15.0);  // after the start of the recording
    CHECK(gemm->at("dur") == 20.0);
    CHECK(gemm->at("cat") == "forward");
    CHECK(gemm->at("args").at("layer") == "conv1");
    CHECK(gemm->at("args").at("GFLOP/s").get<double>() == Approx(200));
    CHECK(gemm->at("args").at("GB/s").get<double>() == Approx(50));
    CHECK(std::ranges::count_if(spans, [](const json& e) { return e.at("name") == "conv1"; }) == 2);
}

TEST_CASE("the traces of several ranks are one, with a process for each", "[profile]") {
    Recording later = step();
    later.begin_ns -= 5000;  // of a clock of its own: it began to record earlier by that
    const json trace = keel::parse_json(joined_traces({chrome_trace(step()), chrome_trace(later)}));
    std::vector<double> begins;
    int names = 0;
    for (const json& event : trace.at("traceEvents")) {
        names += event.at("name") == "process_name";
        if (event.at("name") == "decode") {
            CHECK(event.at("pid") == begins.size());
            begins.push_back(event.at("ts").get<double>());
        }
    }
    CHECK(names == 2);
    CHECK(begins == std::vector<double>{0, 5});
    CHECK(trace.at("traceEvents").size() == 2 * (keel::parse_json(chrome_trace(step())).at("traceEvents").size() + 1));
}
