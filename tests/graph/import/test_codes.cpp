// Models that ONNX Runtime or Keel quantized, on the kernels of integers.
#include <algorithm>
#include <cmath>

#include "graph/import/codes.h"
#include "graph/import/import.h"
#include "graph/onnx/file.h"
#include "graph/ops/binary.h"
#include "graph/ops/fake_quantize.h"
#include "graph/runtime.h"
#include "kernels/random.h"
#include "tests/graph/export/round_trip.h"
#include "tests/graph/import/golden.h"
#include "tests/graph/quant_simulator.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::graph;
using namespace keel::test;

namespace {

struct QuantizedFile {
    explicit QuantizedFile(const std::string& name) {
        const TensorFile golden = read_safetensors(kFiles / ("quantized/" + name + ".safetensors"));
        const Tensor input = tensor_named(golden, "input");
        output = tensor_named(golden, "output");
        n = input.dim(0);
        images = channels_last(input);
        imported = import_graph(onnx::read_file(kFiles / ("quantized/" + name + ".onnx")), input.dim(2), input.dim(3),
                                input.dim(1));
    }
    std::int64_t n = 0;
    std::vector<float> images;
    Tensor output;
    ImportedGraph imported;
};

/// The largest difference, in steps of what the result was rounded to.
double steps_apart(const std::vector<float>& got, const QuantizedFile& file) {
    double apart = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
        apart = std::max(apart, std::abs(double{got[i]} - file.output.data<double>()[i]));
    return apart / file.imported.graph.nodes.back().as<FakeQuantize>()->scale.at(0);
}

constexpr double kRoundings = 255 * 0x1p-22;  // of floats: a quantized value, times a scale

/// Networks of all that rounds, with numbers that floats hold exactly: powers of two as scales, even zeros (so that
/// halves go the same way before and after they are added), and small whole weights.
class RandomNetwork {
public:
    explicit RandomNetwork(std::uint64_t seed) : random_(seed, Draw::synthesize) {
        Value value = rounded(builder_.src());
        for (int i = 0; i < 14; ++i) {
            if (any(3) > 0) keep(value);
            value = rounded(operation(value));
        }
        dst_ = builder_.conv("last", builder_.adaptive_avg_pool(value, 1, 1), weights("last", 3, value.c, 1), {},
                             Conv2dOptions{});
    }
    Graph finish() { return builder_.finish(dst_); }
    const WeightSteps& steps() const { return steps_; }

private:
    int any(int below) { return static_cast<int>(random_.bits() % static_cast<std::uint64_t>(below)); }
    float power() { return std::ldexp(1.0F, -any(3)); }
    std::string name(const char* kind) { return kind + std::to_string(count_++); }
    void keep(const Value& value) {
        builder_.keep(value);
        kept_.push_back(value);
    }
    Value append(const Value& src, Op op) {
        const Buffer map = builder_.map(src);
        return builder_.append(name("op"), src, map.h, map.w, src.c, std::move(op));
    }

    Value rounded(const Value& value) {
        const std::int64_t zero = 2 * any(64);
        scale_ = std::ldexp(power(), any(4));
        FakeQuantize op{{scale_}, {zero}, 0, 255};
        if (any(2) == 0) op = {{scale_}, {zero - 128}, -128, 127};
        if (any(4) == 0) {
            op.scale.assign(static_cast<std::size_t>(value.c), scale_);
            op.zero.assign(op.scale.size(), op.zero[0]);
            for (float& scale : op.scale) scale *= power();
        }
        return append(value, std::move(op));
    }

    Tensor weights(const std::string& layer, std::int64_t oc, std::int64_t ic, std::int64_t kernel) {
        Tensor result = Tensor::empty({oc, ic, kernel, kernel});
        for (std::int64_t o = 0; o < oc; ++o) {
            steps_[layer].push_back(power() / 8);
            for (std::int64_t i = 0; i < ic * kernel * kernel; ++i)
                result.data<float>()[o * ic * kernel * kernel + i] =
                    static_cast<float>(any(15) - 7) * steps_[layer].back();
        }
        return result;
    }

    Value convolution(const Value& src) {
        const std::int64_t oc = 2 * (1 + any(4)), kernel = 1 + 2 * any(2);
        const std::string layer = name("conv");
        Tensor bias = Tensor::empty({oc});
        for (float& value : bias.values<float>()) value = static_cast<float>(any(64) - 32) * power();
        Value value = builder_.conv(layer, src, weights(layer, oc, src.c, kernel), bias,
                                    Conv2dOptions{.pad = static_cast<int>(kernel / 2)});
        if (any(3) == 0)
            for (const Value& other : kept_)
                if (other.c == value.c && other != src) {
                    value = builder_.add(name("sum"), value, other);
                    break;
                }
        if (any(2) == 0) return value;
        if (any(2) == 0) return builder_.relu(value);
        const float most = std::ldexp(6.0F, any(9));
        return builder_.activation(name("clip"), value, {kernels::ActivationKind::clip, 0, most});
    }

    /// A number that may or may not be one of the quantized values.
    float bound() { return static_cast<float>(any(80) - 10) * scale_ * (any(3) == 0 ? 0.75F : 1); }

    Value operation(const Value& src) {
        using kernels::BinaryKind;
        switch (any(9)) {
            case 0:
                return append(src, Binary{BinaryKind::add, false, {}, {bound()}});
            case 1:
                return append(src, Binary{BinaryKind::mul, false, {}, {power()}});
            case 2:
                return append(src, Binary{BinaryKind::max, false, {}, {bound()}});
            case 3:
                return append(src, Binary{BinaryKind::min, any(2) == 0, {}, {bound()}});
            case 4:
                return builder_.relu(src);
            case 5:
                return builder_.max_pool(name("pool"), src, {3, 1, 1});
            case 6:
                for (const Value& other : kept_)
                    if (other.c == src.c && other != src) return builder_.add(name("sum"), src, other);
                return src;
            default:
                return convolution(src);
        }
    }

    Random random_;
    Builder builder_{8, 8, 4};
    std::vector<Value> kept_;
    WeightSteps steps_;
    Value dst_{};
    float scale_ = 1;
    int count_ = 0;
};

}  // namespace

TEST_CASE("a model that ONNX Runtime quantized runs on integers", "[codes]") {
    const auto name = GENERATE(as<std::string>(), "residual.u8", "residual.s8");
    CAPTURE(name);
    const QuantizedFile file(name);
    const CodedGraph made = coded(file.imported.graph, file.imported.weight_steps);
    CHECK(made.convolutions == 6);
    CHECK(made.in_codes == 6);
    CHECK_FALSE(multiplies_floats(made.graph));
    CHECK(std::ranges::count(made.graph.nodes, "quantise", [](const Node& node) { return node.op.name(); }) == 1);
    CHECK(std::ranges::count(made.graph.nodes, "dequantise", [](const Node& node) { return node.op.name(); }) == 1);
    const std::vector<float> wanted = QuantSimulator(made.graph).run(file.n, file.images.data());
    CHECK(steps_apart(wanted, file) < kRoundings);
    for_each_isa([&] { CHECK(run(made.graph, file.images, file.n) == wanted); });
}

TEST_CASE("what integers do not compute runs in floats between them", "[codes]") {
    // Four values' mean lies in the middle of two every fourth time; which of these the dense network's pool takes
    // is up to how the mean was rounded.
    const auto [name, layers, most] =
        GENERATE(table<std::string, int, double>({{"dense.u8", 5, 2}, {"mobile.s8", 9, kRoundings}}));
    CAPTURE(name);
    const QuantizedFile file(name);
    const CodedGraph made = coded(file.imported.graph, file.imported.weight_steps);
    CHECK(made.convolutions == layers);
    CHECK(made.in_codes == layers);
    CHECK(steps_apart(run(made.graph, file.images, file.n), file) < most);
}

TEST_CASE("quantized values give what floats give, to the bit, where these are exact", "[codes]") {
    int in_codes = 0, sums = 0, pools = 0, convolutions = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        RandomNetwork network(seed);
        const Graph floats = network.finish();
        const CodedGraph made = coded(floats, network.steps());
        std::vector<float> images = normal_images(2, floats.map(floats.src), seed);
        for (float& pixel : images) pixel = std::nearbyint(pixel * 16) / 4;
        REQUIRE(run(made.graph, images, 2) == run(floats, images, 2));
        in_codes += made.in_codes;
        convolutions += made.convolutions;
        for (const Node& node : made.graph.nodes) {
            sums += node.op.name() == "quant_add";
            pools += node.op.name() == "quant_pool";
        }
    }
    CHECK(in_codes > convolutions / 3);
    CHECK(sums > 20);
    CHECK(pools > 100);
}

TEST_CASE("weights that are no multiples of their steps stay floats", "[codes]") {
    Builder builder(4, 4, 2);
    const Value rounded = builder.append("round", builder.src(), 4, 4, 2, FakeQuantize{{0.5F}, {10}, 0, 255});
    const Tensor weights = Tensor::from<float>(std::vector<float>{0.25F, -0.5F, 0.75F, 100}, {2, 2, 1, 1});
    const Value result = builder.conv("conv", rounded, weights, {}, Conv2dOptions{});
    const Graph floats = builder.finish(result);
    const auto in_codes = [&](const WeightSteps& steps) { return coded(floats, steps).in_codes; };
    CHECK(in_codes({{"conv", {0.25F, 1}}}) == 0);             // 0.75
    CHECK(in_codes({{"conv", {0.25F}}}) == 0);                // 400 steps
    CHECK(in_codes({{"conv", {0.25F, 0.25F, 0.25F}}}) == 0);  // of another number of outputs
    CHECK(in_codes({{"other", {0.25F}}}) == 0);
    CHECK(in_codes({}) == 0);
    const Tensor fitting = Tensor::from<float>(std::vector<float>{0.25F, -0.5F, 3, 100}, {2, 2, 1, 1});
    Builder again(4, 4, 2);
    const Value same = again.append("round", again.src(), 4, 4, 2, FakeQuantize{{0.5F}, {10}, 0, 255});
    const Graph fits = again.finish(again.conv("conv", same, fitting, {}, Conv2dOptions{}));
    CHECK(coded(fits, {{"conv", {0.25F, 1}}}).in_codes == 1);
}

TEST_CASE("Keel's quantized models come back from ONNX as integers", "[codes]") {
    const auto name = GENERATE(as<std::string>(), "resnet20", "densenet121");
    CAPTURE(name);
    const std::int64_t side = 32;
    const Network network(name, side);
    const Graph codes = network.quantized().graph;
    const ImportedGraph imported = again(codes);
    const CodedGraph made = coded(imported.graph, imported.weight_steps);
    CHECK(made.in_codes == made.convolutions);
    const auto layers = [](const Graph& graph) {
        return std::ranges::count(graph.nodes, "quant_conv", [](const Node& node) { return node.op.name(); });
    };
    CHECK(layers(made.graph) == layers(codes));
    const std::vector<float> images = normal_images(4, codes.map(codes.src), 3);
    const std::vector<float> wanted = run(codes, images, 4), floats = run(imported.graph, images, 4);
    // Biases are rounded to steps of accumulators in the file, so that codes of its layers are those of the model or
    // their neighbours; the integers are as far from it as the floats are.
    CHECK(difference(run(made.graph, images, 4), wanted) < 2 * difference(floats, wanted) + 0x1p-20);
}
