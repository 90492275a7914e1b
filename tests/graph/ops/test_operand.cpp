// An operator that reads a second map: its life in the plan, in the builder, in a quantized graph.
#include <set>

#include "graph/build/builder.h"
#include "graph/ops/binary.h"
#include "graph/ops/matmul.h"
#include "graph/ops/norm.h"
#include "graph/ops/rearrange.h"
#include "graph/ops/softmax.h"
#include "graph/ops/window_pool.h"
#include "graph/quantize/quantize.h"
#include "models/random_training.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;
using graph::Binary;
using graph::Builder;
using graph::Value;
using kernels::BinaryKind;

namespace {

Tensor weights_of(const Dims& dims, std::uint64_t seed) { return uniform(dims, seed, -0.5, 0.5).to(DType::f32); }

/// Squeeze-excite and attention over the pixels, between convolutions: images of 6 x 6 x 3, 4 logits.
graph::Graph gated_network() {
    Builder b(6, 6, 3);
    const Value first = b.conv("first", b.src(), weights_of({8, 3, 3, 3}, 1), {}, Conv2dOptions{.pad = 1});
    const Value squeezed = b.append("squeeze", first, 1, 1, 8,
                                    graph::WindowPool{.kind = graph::WindowPool::Kind::average, .kh = 6, .kw = 6});
    const Value gate =
        b.append("gate", b.linear("excite", squeezed, weights_of({8, 8}, 2), {}), 1, 1, 8, graph::Softmax{});
    const Value gated = b.append("scale", first, 6, 6, 8, Binary{BinaryKind::mul, false, gate, {}});
    const Value normal = b.append("norm", gated, 6, 6, 8, graph::LayerNorm{{}, {}, 1e-3F});
    const Value keys = b.append("keys", normal, 1, 8, 36, graph::Rearrange{{{8, 0, 1}}, {{36, 1, 0}}});
    const Value scores = b.append("scores", normal, 1, 36, 36, graph::MatMul{keys, 1, 36, 8, 36});
    const Value shares = b.append("shares", scores, 1, 36, 36, graph::Softmax{});
    const Value mixed = b.append("mix", shares, 6, 6, 8, graph::MatMul{normal, 1, 36, 36, 8});
    const Value second = b.conv("second", mixed, weights_of({8, 8, 1, 1}, 3), {}, graph::ConvWindow{});
    return b.finish(b.linear("last", second, weights_of({4, 8 * 6 * 6}, 4), {}));
}

/// residual + operand, whatever src is.
struct Both {
    static constexpr std::string_view kName = "both";
    std::optional<Value> residual, operand;
    void fields(graph::Archive&) {}
    void check(const graph::NodeCheck& node) const { node.require_residual(); }
    void run(const graph::Node&, const graph::RunMemory&) const {}
};

}  // namespace

TEST_CASE("An operand lives until it is read", "[operand]") {
    const graph::Graph g = gated_network();
    const std::vector<MemoryUse> uses = memory_uses(g);
    int seen = 0;
    for (std::size_t step = 0; step < g.nodes.size(); ++step) {
        const Value* operand = g.nodes[step].op.operand();
        if (operand == nullptr) continue;
        const MemoryUse& use = uses[static_cast<std::size_t>(operand->buffer)];
        CHECK(use.first < static_cast<int>(step));
        CHECK(use.last >= static_cast<int>(step));
        ++seen;
    }
    CHECK(seen == 3);
    std::set<std::string> roles;
    for (const graph::Node& node : g.nodes)
        for_each_read(node, [&](const Value&, std::string_view role) { roles.insert(std::string(role)); });
    CHECK(roles == std::set<std::string>{"", "operand"});
}

TEST_CASE("A buffer that is a residual and an operand is not overwritten by the sum", "[operand]") {
    for (const bool shared : {false, true}) {
        Builder b(2, 2, 3);
        const auto halved = [&](const Value& of) {
            return b.append("half", of, 2, 2, 3, Binary{BinaryKind::mul, false, {}, {0.5F}});
        };
        const Value one = halved(b.src()), other = halved(b.src());
        const Value sum = b.append("both", b.src(), 2, 2, 3, Both{one, shared ? one : other});
        const graph::Graph g = b.finish(halved(sum));
        const graph::Node& both = *std::ranges::find(g.nodes, "both", &graph::Node::name);
        CHECK((both.dst.buffer == both.op.residual()->buffer) != shared);
    }
}

TEST_CASE("In a quantized graph operators with operands stay floats and give what they gave", "[operand]") {
    const graph::Graph floats = gated_network();
    std::vector<Tensor> batches;
    for (std::uint64_t i = 1; i <= 3; ++i) batches.push_back(random_images(4, 6, 3, i));
    const Quantized quantized = quantize(floats, batches, {.method = RangeMethod::minmax});
    const std::set<std::string> in_eight_bits{"first", "excite", "second", "last"};
    for (const LayerReport& layer : quantized.report.layers) {
        CAPTURE(layer.name);
        CHECK((layer.arithmetic != Arithmetic::fp32) == in_eight_bits.contains(layer.name));
    }
    // Ten maps are rounded to 256 steps of their range, which for a spread of a quarter of the range errs by
    // 4 / (256 * sqrt(12)) = 0.0045 of it; they add up to sqrt(10) times that, and as much again for the weights.
    CHECK(quantized.report.logits_error < 2 * 3.2 * 0.0045);
    int operands = 0;
    for (const graph::Node& node : quantized.graph.nodes)
        if (const Value* operand = node.op.operand()) {
            CHECK_FALSE(quantized.graph.map(*operand).quantized);
            ++operands;
        }
    CHECK(operands == 3);
    CHECK_FALSE(quantized.report.same_on_every_isa);
}

TEST_CASE("A layer or its operand can be kept in floats", "[operand]") {
    const graph::Graph floats = gated_network();
    std::vector<Tensor> batches;
    for (std::uint64_t i = 1; i <= 2; ++i) batches.push_back(random_images(4, 6, 3, i));
    const Quantized kept = quantize(floats, batches, {.method = RangeMethod::minmax, .keep = {"excite"}});
    for (const LayerReport& layer : kept.report.layers)
        if (layer.name == "excite") CHECK(layer.arithmetic == Arithmetic::fp32);
    // 200 dB are beyond eight bits: one map after the other is kept, operands among them, until all are floats
    const Quantized none = quantize(floats, batches, {.method = RangeMethod::minmax, .keep_below = 200});
    for (const graph::Buffer& buffer : none.graph.buffers) CHECK_FALSE(buffer.quantized);
    CHECK(none.report.logits_error < 1e-5);
}
