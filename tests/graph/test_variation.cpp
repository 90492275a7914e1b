// Images that say too little to quantize by, and what is said of channels that never moved.
#include "graph/quantize/variation.h"

#include <algorithm>

#include "graph/ops/conv.h"
#include "kernels/error.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

/// `count` batches of four images, which `change` is given one by one.
template <class Change>
std::vector<Tensor> batches_of(int count, const Change& change, std::int64_t side = 32) {
    std::vector<Tensor> batches;
    for (int b = 0; b < count; ++b) {
        batches.push_back(random_images(4, side, 3, static_cast<std::uint64_t>(b) + 1));
        const auto all = batches.back().values<float>();
        for (std::size_t i = 0; i < 4; ++i)
            change(4 * b + static_cast<int>(i), all.subspan(i * all.size() / 4, all.size() / 4));
    }
    return batches;
}

const auto kAsTheyAre = [](int, std::span<float>) {};

std::vector<Tensor> the_same(int count, float noise) {
    const Tensor first = random_images(1, 32, 3, 77);
    return batches_of(count, [&, noise](int, std::span<float> image) {
        for (std::size_t p = 0; p < image.size(); ++p) image[p] = first.values<float>()[p] + noise * image[p];
    });
}

std::vector<Tensor> blank(int count) {
    return batches_of(count, [](int i, std::span<float> image) {
        for (std::size_t p = 0; p < image.size(); ++p)
            image[p] = 0.1F * static_cast<float>(i + static_cast<int>(p % 3));
    });
}

}  // namespace

TEST_CASE("How images vary is measured", "[quantize]") {
    const Variation noise = variation_of(batches_of(4, kAsTheyAre));
    CHECK((noise.images == 16 && noise.distinct == 16 && noise.blank == 0));
    CHECK(noise.between > 0.8);  // of independent images 15 / 16
    const Variation same = variation_of(the_same(4, 0));
    CHECK((same.images == 16 && same.distinct == 1 && same.blank == 0));
    CHECK(same.between < 1e-9);
    const Variation grey = variation_of(blank(4));
    CHECK((grey.distinct == 16 && grey.blank == 16));
    CHECK(variation_of({}).images == 0);
}

TEST_CASE("Images without variation are refused, doubtful ones are told of", "[quantize]") {
    const auto fresh = batches_of(1, [](int, std::span<float> image) { std::ranges::reverse(image); });
    const auto refused = [&](const std::vector<Tensor>& seen, const std::vector<Tensor>& held_out) {
        try {
            require_variation(seen, held_out);
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(refused(the_same(4, 0), fresh), contains("[quantize] the 16 images to calibrate with are all the same"));
    CHECK_THAT(refused(the_same(4, 0.01F), fresh), contains("are one image but for noise"));
    CHECK_THAT(refused(blank(4), fresh), contains("are blank"));
    const auto varied = batches_of(4, kAsTheyAre);
    CHECK_THAT(refused(varied, {varied[2]}), contains("each of the 4 images held out"));
    CHECK(require_variation(varied, fresh).empty());
    std::vector<Tensor> twice = varied;
    twice.insert(twice.end(), varied.begin(), varied.end());
    const auto doubts = require_variation(twice, fresh);
    REQUIRE(doubts.size() == 1);
    CHECK_THAT(doubts[0], contains("of the 32 images to calibrate with only 16 differ"));
    std::vector<Tensor> half = varied;
    for (const Tensor& batch : blank(4)) half.push_back(batch);
    CHECK_THAT(require_variation(half, fresh).at(0), contains("16 are blank"));
}

TEST_CASE("quantize() takes no images without variation, and no model without answers", "[quantize]") {
    Network network("resnet20", 32);
    const QuantizeOptions options{.method = RangeMethod::minmax};
    CHECK_THROWS_AS(quantize(network.graph, the_same(4, 0), options), InputError);
    CHECK_THROWS_AS(quantize(network.graph, blank(4), options), InputError);
    CHECK_NOTHROW(quantize(network.graph, batches_of(2, kAsTheyAre), options));
    auto spoiled = batches_of(4, kAsTheyAre);
    spoiled[3].data<float>()[5] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(quantize(network.graph, spoiled, options), contains("[quantize] an image holds NaN or infinity"));
    std::swap(spoiled[0], spoiled[3]);
    CHECK_THROWS_WITH(quantize(network.graph, spoiled, options), contains("[quantize] an image holds NaN or infinity"));
    graph::Graph dumb = network.graph;
    auto& fc = *dumb.nodes.back().as<graph::Conv>();
    fc.weights = Tensor::zeros(fc.weights.dims());
    CHECK_THROWS_WITH(quantize(dumb, network.batches, options), contains("answers the same to all 4 images held out"));
}

TEST_CASE("Layers are judged on images held out", "[quantize]") {
    const Network network("resnet20", 32);
    const QuantizeOptions options{.method = RangeMethod::minmax, .keep_below = 0};
    auto loud = batches_of(4, kAsTheyAre);
    const double usual = quantize(network.graph, loud, options).report.layers.front().snr_db;
    for (float& value : loud.back().values<float>()) value *= 8;  // beyond all ranges
    const double beyond = quantize(network.graph, loud, options).report.layers.front().snr_db;
    CHECK(usual > 25);
    CHECK(beyond < 10);
}

TEST_CASE("Channels that are one number on all images are told of", "[quantize]") {
    const Network network("resnet20", 32);
    const QuantizeOptions options{.method = RangeMethod::minmax};
    const QuantizeReport alive = quantize(network.graph, network.batches, options).report;
    graph::Graph graph = network.graph;
    const auto node = std::ranges::find(graph.nodes, "layer2.0.conv1", &graph::Node::name);
    REQUIRE(node != graph.nodes.end());
    auto& conv = *node->as<graph::Conv>();
    conv.weights = conv.weights.clone();
    const std::int64_t own = conv.weights.elements() / conv.weights.dim(0);
    std::fill_n(conv.weights.data<float>() + 3 * own, 2 * own, 0.0F);  // channels 3 and 4
    const QuantizeReport report = quantize(graph, network.batches, options).report;
    const auto of = [](const QuantizeReport& all, const std::string& name) -> std::int64_t {
        const auto found = std::ranges::find(all.dead, name, &DeadChannels::name);
        return found == all.dead.end() ? 0 : found->dead;
    };
    CHECK(of(report, "layer2.0.conv1") == of(alive, "layer2.0.conv1") + 2);
    CHECK(std::ranges::any_of(report.warnings, [](const std::string& warning) {
        return warning.find("one number on all images") != std::string::npos;
    }));
}
