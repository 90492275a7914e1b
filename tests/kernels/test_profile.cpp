#include "kernels/profile.h"

#include <string>
#include <thread>
#include <vector>

#include "kernels/eltwise/eltwise.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

std::vector<std::string> kinds(const profile::Recording& recording) {
    std::vector<std::string> all;
    for (const profile::Record& record : recording.records) all.emplace_back(record.kind);
    return all;
}

/// "layer/pass kind" of each span.
std::vector<std::string> placed(const profile::Recording& recording) {
    std::vector<std::string> all;
    for (const auto& [kind, place, thread, begin, end, cost] : recording.records)
        all.push_back(recording.layers.at(static_cast<std::size_t>(place.layer)) +
                      (place.pass == profile::Pass::backward ? "/backward " : "/forward ") + kind);
    return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("spans are recorded between start and stop alone, inner ones first", "[profile]") {
    { const profile::Span before("before"); }
    profile::start();
    CHECK(profile::recording());
    {
        const profile::Span outer("outer", {3, 4});
        const profile::Span inner("inner", {1, 2});
    }
    const profile::Recording recording = profile::stop();
    { const profile::Span after("after"); }
    CHECK_FALSE(profile::recording());
    REQUIRE(kinds(recording) == Texts{"inner", "outer"});
    const auto &inner = recording.records[0], &outer = recording.records[1];
    CHECK(outer.begin_ns <= inner.begin_ns);
    CHECK(inner.begin_ns <= inner.end_ns);
    CHECK(inner.end_ns <= outer.end_ns);
    CHECK(outer.cost.flops == 3);
    CHECK(outer.cost.bytes == 4);
    profile::start();
    CHECK(profile::stop().records.empty());
}

TEST_CASE("a span that is open across start or stop is lost", "[profile]") {
    {
        const profile::Span open("open");
        profile::start();
    }
    profile::Recording recording;
    {
        const profile::Span open("open");
        recording = profile::stop();
    }
    CHECK(recording.records.empty());
    profile::start();
    CHECK(profile::stop().records.empty());
}

TEST_CASE("layers nest by name and come back for the backward pass", "[profile]") {
    profile::start();
    profile::Place remembered;
    {
        const profile::Layer root(""), features("features");
        {
            const profile::Layer conv("conv0");
            const profile::Span span("work");
            remembered = profile::place();
        }
        const profile::Layer pool("pool0");
    }
    {
        const profile::Layer layer(profile::Place{remembered.layer, profile::Pass::backward});
        const profile::Span span("work");
    }
    CHECK(profile::place().layer == 0);
    CHECK(placed(profile::stop()) == Texts{"features.conv0/forward work", "features.conv0/forward engine",
                                           "features.pool0/forward engine", "features/forward engine",
                                           "/forward engine", "features.conv0/backward work",
                                           "features.conv0/backward engine"});
}

TEST_CASE("every thread has its track, the one that started the first", "[profile]") {
    profile::start();
    std::thread([] {
        const profile::Layer layer("loader");
        const profile::Span span("there");
    }).join();
    { const profile::Span span("here"); }
    const profile::Recording recording = profile::stop();
    REQUIRE(kinds(recording) == Texts{"here", "there", "engine"});
    CHECK(recording.records[0].thread == 0);
    CHECK(recording.records[1].thread == 1);
    CHECK(recording.layers[static_cast<std::size_t>(recording.records[1].place.layer)] == "loader");
    CHECK(recording.records[0].place.layer == 0);
}

TEST_CASE("a kernel tells its work", "[profile]") {
    std::vector<float> src(30), dst(30);
    profile::start();
    kernels::accumulate({5, 6, 6, 6}, src.data(), dst.data());
    const profile::Recording recording = profile::stop();
    REQUIRE(kinds(recording) == Texts{"accumulate"});
    CHECK(recording.records[0].cost.flops == 30);
    CHECK(recording.records[0].cost.bytes == 3 * 30 * sizeof(float));
}
