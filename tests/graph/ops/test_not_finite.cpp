// Every operator of a graph hands NaN on to all that depends on it, on every ISA, and lets no image of a batch see
// another's; where numbers become quantized values an image with NaN or infinity is named.
#include <set>
#include <string>

#include "graph/build/builder.h"
#include "graph/ops/activation.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/binary.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/matmul.h"
#include "graph/ops/norm.h"
#include "graph/ops/pad.h"
#include "graph/ops/prelu.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/rearrange.h"
#include "graph/ops/reduce.h"
#include "graph/ops/registry.h"
#include "graph/ops/resize.h"
#include "graph/ops/softmax.h"
#include "graph/ops/window_pool.h"
#include "tests/graph/ops/one_op.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;
using graph::Buffer;
using graph::Op;
using Operand = std::optional<graph::Value>;

namespace {

/// An operator on a map, and on an operand where that has channels.
struct NanCase {
    Buffer src, dst;
    MakeOp make;
    Buffer operand{1, 1, 0};
    float low = -1, high = 1;  ///< of the numbers
};

constexpr Buffer kMap{6, 5, 4};

NanCase same_extents(Op op) {
    return {kMap, kMap, [op](const Operand&) { return op; }};
}

/// A convolution whose operand is its residual.
NanCase conv_case(std::int64_t ic, std::int64_t oc, int kernel, bool with_prologue, bool relu, bool residual,
                  std::optional<kernels::Activation> activation = {}) {
    graph::Conv conv;
    conv.weights = Tensor::from<float>(uniform(oc * ic * kernel * kernel, 11), {oc, ic, kernel, kernel});
    conv.bias = uniform(oc, 12);
    conv.window = Conv2dOptions{.pad = kernel / 2};
    if (with_prologue) conv.prologue = graph::Prologue{uniform(ic, 13, 0.5F, 2), uniform(ic, 14, 0, 1)};
    conv.relu = relu;
    conv.activation = activation;
    const Buffer to{6, 5, oc};
    return {{6, 5, ic},
            to,
            [conv](const Operand& operand) {
                graph::Conv made = conv;
                made.residual = operand;
                return made;
            },
            residual ? to : Buffer{1, 1, 0}};
}

std::vector<NanCase> layers() {
    const kernels::Activation relu6{kernels::ActivationKind::clip, 0, 6};
    std::vector<NanCase> all{conv_case(16, 32, 1, false, true, false),      conv_case(16, 32, 3, false, true, true),
                             conv_case(3, 5, 3, false, true, false),        conv_case(3, 5, 3, false, true, true),
                             conv_case(3, 5, 1, true, true, false),         conv_case(16, 32, 1, true, false, false),
                             conv_case(3, 5, 3, false, false, false, relu6)};
    const graph::Prologue prologue{uniform(4, 1, 0.5F, 2), uniform(4, 2, 0, 1)};
    using graph::PoolKind;
    for (const auto& before : {std::optional<graph::Prologue>{}, std::optional(prologue)}) {
        all.push_back({kMap, {3, 2, 4}, [=](const Operand&) { return graph::Pool{PoolKind::max, {2, 2, 0}, before}; }});
        all.push_back({kMap, kMap, [=](const Operand&) { return graph::Pool{PoolKind::average, {3, 1, 1}, before}; }});
        all.push_back({kMap, {1, 1, 4}, [=](const Operand&) {
                           return graph::Pool{PoolKind::adaptive_average, {}, before};
                       }});
    }
    for (const bool relu : {false, true}) {
        all.push_back(same_extents(graph::Affine{uniform(4, 3), uniform(4, 4), relu}));
        all.push_back({kMap, kMap, [=](const Operand& other) { return graph::Add{other, relu}; }, kMap});
    }
    return all;
}

std::vector<NanCase> functions() {
    std::vector<NanCase> all;
    for (std::size_t kind = 1; kind < std::size(kernels::kActivationNames); ++kind) {
        all.push_back(same_extents(graph::Activate{{static_cast<kernels::ActivationKind>(kind), 0.25F, 0.5F}}));
        all.back().low = 0.1F;  // where logarithm and root are numbers
    }
    for (std::size_t k = 0; k <= static_cast<std::size_t>(kernels::BinaryKind::pow); ++k)
        for (const bool swapped : {false, true}) {
            const auto kind = static_cast<kernels::BinaryKind>(k);
            for (const Buffer& other : {kMap, Buffer{1, 1, 4}, Buffer{6, 5, 1}})
                all.push_back({kMap, kMap,
                               [=](const Operand& v) {
                                   return graph::Binary{kind, swapped, v, {}};
                               },
                               other, 0.2F});
            all.push_back(same_extents(graph::Binary{kind, swapped, {}, {0.7F}}));
            all.back().low = 0.2F;
        }
    for (const auto kind :
         {graph::Reduce::Kind::mean, graph::Reduce::Kind::sum, graph::Reduce::Kind::max, graph::Reduce::Kind::min})
        all.push_back({kMap, {6, 5, 1}, [=](const Operand&) { return graph::Reduce{kind}; }});
    for (const bool log : {false, true}) all.push_back(same_extents(graph::Softmax{log}));
    all.push_back(same_extents(graph::FakeQuantize{{0.0625F}, {-3}, -128, 127}));
    all.push_back(same_extents(graph::PRelu{uniform(4, 4)}));
    all.push_back(same_extents(graph::LayerNorm{uniform(4, 1), uniform(4, 2), 0.25F}));
    all.push_back(same_extents(graph::InstanceNorm{uniform(4, 3), {}, 0.5F}));
    all.push_back(same_extents(graph::LocalResponseNorm{3, 0.5F, 0.25F, 2}));
    return all;
}

std::vector<NanCase> movers() {
    using Window = graph::WindowPool;
    std::vector<NanCase> all;
    for (const auto kind : {Window::Kind::max, Window::Kind::average})
        all.push_back({kMap, {3, 3, 4}, [=](const Operand&) {
                           return Window{.kind = kind,
                                         .kh = 3,
                                         .kw = 3,
                                         .stride_h = 2,
                                         .stride_w = 2,
                                         .top = 1,
                                         .left = 1,
                                         .bottom = 1,
                                         .right = 1};
                       }});
    for (const auto kind : {kernels::ResizeKind::nearest, kernels::ResizeKind::linear})
        all.push_back({kMap, {12, 8, 4}, [=](const Operand&) {
                           return graph::Resize{kind, kernels::ResizeCoordinates::half_pixel,
                                                kernels::NearestRounding::floor, 2, 1.6F};
                       }});
    for (const auto mode : {graph::Pad::Mode::constant, graph::Pad::Mode::reflect, graph::Pad::Mode::edge})
        all.push_back({kMap, {8, 8, 4}, [=](const Operand&) { return graph::Pad{mode, 1, 2, 0, 3}; }});
    all.push_back({{1, 6, 4}, {1, 4, 6}, [](const Operand&) { return graph::Rearrange{{{4, 0, 1}}, {{6, 1, 0}}}; }});
    all.push_back({{1, 3, 4}, {1, 3, 2}, [](const Operand& v) { return graph::MatMul{v, 1, 3, 4, 2}; }, {1, 4, 2}});
    return all;
}

/// Puts a NaN at some of the numbers, one after the other, and counts the results that other numbers there change but
/// the NaN does not, and those of the other image that it does. `clean` has the results without it.
void check_spots(const NanCase& at, Maps& src, Maps& operand, Maps& spoiled, const Maps& clean) {
    const Maps* other = at.operand.c > 0 ? &operand : nullptr;
    const auto run = [&] { return run_op(src, other, at.dst, {2, 3}, at.make).values; };
    std::size_t depend = 0, lost = 0, seen_elsewhere = 0;
    for (std::size_t spot = 0; spot < spoiled.values.size() / 2; spot += 13) {
        const float good = spoiled.values[spot];
        std::vector<bool> depends(clean.values.size());
        for (const float number : {0.3F, 2.5F, -2.5F}) {
            spoiled.values[spot] = number;
            const auto changed = run();
            for (std::size_t i = 0; i < changed.size(); ++i)
                if (!same(changed[i], clean.values[i])) depends[i] = true;
        }
        spoiled.values[spot] = kNaN;
        const auto got = run();
        spoiled.values[spot] = good;
        for (std::size_t i = 0; i < got.size(); ++i) {
            if (i >= got.size() / 2 && !same(got[i], clean.values[i])) ++seen_elsewhere;
            depend += depends[i] ? 1 : 0;
            lost += depends[i] && !std::isnan(got[i]) ? 1 : 0;
        }
    }
    CHECK(depend > 0);
    CHECK(lost == 0);
    CHECK(seen_elsewhere == 0);
}

void check_case(const NanCase& at) {
    const auto maps = [&](const Buffer& of, std::uint64_t seed) {
        return Maps::random(2, of.h, of.w, of.c, seed, at.low, at.high);
    };
    for_each_isa([&] {
        Maps src = maps(at.src, 1), operand = maps(at.operand, 2);
        const Maps* other = at.operand.c > 0 ? &operand : nullptr;
        const Maps clean = run_op(src, other, at.dst, {2, 3}, at.make);
        check_spots(at, src, operand, src, clean);
        if (other != nullptr) check_spots(at, src, operand, operand, clean);
    });
}

}  // namespace

TEST_CASE("Every operator hands NaN on to all that depends on it, and to no other image", "[nan]") {
    std::set<std::string_view> tested{"quantise", "dequantise", "quant_conv", "quant_pool", "quant_add"};  // below
    for (const auto& cases : {layers(), functions(), movers()})
        for (std::size_t i = 0; i < cases.size(); ++i) {
            const Op op = cases[i].make({});
            CAPTURE(op.name(), i);
            tested.insert(op.name());
            check_case(cases[i]);
        }
    for (const graph::OpKind& kind : graph::op_kinds()) {
        CAPTURE(kind.name);
        CHECK(tested.contains(kind.name));
    }
}

namespace {

/// Runs `n` images of a quantized network, and spoils what node `step` makes of image `bad`, or the image itself.
struct SpoiledRun {
    SpoiledRun(const graph::Graph& graph, const Tensor& images, std::int64_t bad, float value, int step = -1)
        : results(static_cast<std::size_t>(images.dim(0) * graph.dst.c)) {
        const Runtime runtime(graph, images.dim(0));
        Tensor src = images.clone();
        const std::int64_t n = images.dim(0), size = images.elements() / n;
        if (step < 0 && bad >= 0) src.data<float>()[bad * size + size / 2] = value;
        Watch watch;
        watch.after = [&](std::size_t at, void* first, std::int64_t ld) {
            if (static_cast<int>(at) != step) return;
            const Buffer& map = runtime.graph().map(runtime.graph().nodes[at].dst);
            static_cast<float*>(first)[bad * map.h * map.w * ld] = value;
        };
        runtime.run(n, src.data<float>(), results.data(), watch, &spoiled);
    }
    std::vector<float> results;
    std::vector<SpoiledImage> spoiled;
};

}  // namespace

TEST_CASE("A quantized network names images with NaN or infinity, and answers the others", "[nan][quantize]") {
    const Network network("resnet20", 32);
    const graph::Graph codes = network.quantized().graph,
                       mixed = network.quantized({.method = RangeMethod::minmax, .keep = {"layer2.0.conv1"}}).graph;
    const Tensor images = random_images(3, 32, 3, 9);
    const auto kept = std::ranges::find(mixed.nodes, "layer2.0.conv1", &graph::Node::name) - mixed.nodes.begin();
    const std::size_t labels = 5;
    for_each_isa([&] {
        for (const bool inside : {false, true}) {
            const graph::Graph& graph = inside ? mixed : codes;
            const SpoiledRun clean(graph, images, -1, 0);
            CHECK(clean.spoiled.empty());
            for (const float bad : {kNaN, kInfinity, -kInfinity}) {
                const SpoiledRun run(graph, images, 1, bad, inside ? static_cast<int>(kept) : -1);
                REQUIRE(run.spoiled.size() == 1);
                CHECK(run.spoiled[0].image == 1);
                const auto node = std::ranges::find(graph.nodes, run.spoiled[0].node, &graph::Node::name);
                REQUIRE(node != graph.nodes.end());
                CHECK(node->as<graph::Quantize>() != nullptr);
                for (std::size_t i = 0; i < run.results.size(); ++i)
                    CHECK((i / labels == 1 ? std::isnan(run.results[i]) : run.results[i] == clean.results[i]));
            }
        }
    });
    Tensor spoiled = images.clone();
    spoiled.data<float>()[0] = kNaN;
    std::vector<float> results(3 * labels);
    CHECK_THROWS_WITH(Runtime(codes, 3).run(3, spoiled.data<float>(), results.data()),
                      contains("[runtime] image 1 of 3: ") && contains("NaN or infinity"));
}

TEST_CASE("A graph whose numbers are none is refused by the layer's name", "[nan][graph]") {
    const auto with = [](const std::function<void(graph::Conv&)>& spoil) {
        graph::Graph graph = Network("resnet20", 32).graph;
        auto node = std::ranges::find(graph.nodes, "layer2.0.conv1", &graph::Node::name);
        graph::Conv& conv = *node->as<graph::Conv>();
        conv.weights = conv.weights.clone();
        spoil(conv);
        return graph;
    };
    for (const float bad : {kNaN, kInfinity}) {
        CHECK_THROWS_WITH(check(with([&](graph::Conv& conv) { conv.weights.data<float>()[77] = bad; })),
                          contains("[graph] layer2.0.conv1: wanted finite weights"));
        CHECK_THROWS_WITH(check(with([&](graph::Conv& conv) { conv.bias[3] = bad; })),
                          contains("[graph] layer2.0.conv1: wanted finite weights"));
    }
    const Buffer map{2, 2, 3};
    CHECK_THROWS_WITH(check_op(map, map, graph::Affine{{1, kNaN, 1}, {0, 0, 0}}), contains("finite factors"));
    CHECK_THROWS_WITH(
        check_op(map, {1, 1, 3},
                 graph::Pool{graph::PoolKind::adaptive_average, {}, graph::Prologue{{1, 1, 1}, {0, kInfinity, 0}}}),
        contains("finite factors"));
    using kernels::BinaryKind;
    CHECK_THROWS_WITH(check_op(map, map, graph::Binary{BinaryKind::add, false, {}, {kNaN}}), contains("finite"));
    CHECK_THROWS_WITH(check_op(map, map, graph::Binary{BinaryKind::add, false, {}, {1, kInfinity, 1}}),
                      contains("finite"));
    CHECK_NOTHROW(check_op(map, map, graph::Binary{BinaryKind::max, false, {}, {-kInfinity}}));
    CHECK_THROWS_WITH(check_op(map, {3, 3, 3}, graph::Pad{graph::Pad::Mode::constant, 0, 0, 0, kNaN}),
                      contains("a border that is a number"));
    CHECK_THROWS_WITH(check_op(map, map, graph::LocalResponseNorm{3, kNaN, 0.5F, 1}), contains("finite factors"));
}
