#include "graph/summary.h"

#include "graph/build/trace.h"
#include "models/registry.h"
#include "models/summary.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("The operators of a graph are summed up as the layers that they are of", "[graph]") {
    const auto module = make_model("resnet20", {.classes = 3, .small_stem = true});
    module->train(false);
    const auto nodes = graph::summarize(graph::trace(*module, 32, 32, 3));
    const ModelSummary layers = summarize(*module, 3, 32);
    std::int64_t macs = 0;
    for (const graph::NodeSummary& node : nodes) macs += node.macs;
    CHECK(macs == layers.macs);
    REQUIRE_FALSE(nodes.empty());
    CHECK((nodes.front().name == "conv1" && nodes.front().kind == "conv"));
    CHECK((nodes.front().dst.h == 32 && nodes.front().dst.c == 16));
    // 3x3x3 weights for 16 channels, and what of each channel's batch norm is left beside them.
    CHECK((nodes.front().parameters >= 432 + 16 && nodes.front().parameters <= 432 + 32));
    CHECK((nodes.back().dst.h == 1 && nodes.back().dst.c == 3));
}
