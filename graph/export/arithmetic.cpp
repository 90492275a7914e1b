#include <fmt/core.h>

#include <cmath>

#include "graph/export/operators.h"
#include "graph/ops/activation.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/binary.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/prelu.h"
#include "graph/ops/softmax.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

using kernels::ActivationKind;
using kernels::BinaryKind;

// Opsets in which an operator came.
constexpr int kHardSwish = 14, kMish = 18, kGelu = 20;

std::string clip(OnnxWriter& writer, const std::string& src, float low, float high) {
    const std::string least = std::isinf(low) ? std::string() : writer.scalar("least", low);
    if (std::isinf(high)) return writer.add("Clip", {src, least}, {}, "clip");
    return writer.add("Clip", {src, least, writer.scalar("most", high)}, {}, "clip");
}

/// x * f(x)
std::string gated(OnnxWriter& writer, const std::string& src, const std::string& gate, const std::string& label) {
    return writer.add("Mul", {src, gate}, {}, label);
}

std::string gelu(OnnxWriter& writer, const std::string& src, bool with_tanh) {
    if (writer.opset() >= kGelu)
        return writer.add("Gelu", {src}, {{"approximate", std::string(with_tanh ? "tanh" : "none")}}, "gelu");
    const auto times = [&](const std::string& a, float factor, const std::string& label) {
        return writer.add("Mul", {a, writer.scalar("gelu." + label, factor)}, {}, "gelu/" + label);
    };
    const std::string half = times(src, 0.5F, "half");
    std::string gate;
    if (with_tanh) {
        const std::string square = writer.add("Mul", {src, src}, {}, "gelu/square");
        const std::string cube = times(writer.add("Mul", {square, src}, {}, "gelu/cube"), 0.044715F, "cubic");
        const std::string sum = writer.add("Add", {src, cube}, {}, "gelu/sum");
        gate = writer.add("Tanh", {times(sum, std::sqrt(2.F / 3.14159265F), "scaled")}, {}, "gelu/tanh");
    } else {
        gate = writer.add("Erf", {times(src, 0.70710678F, "scaled")}, {}, "gelu/erf");
    }
    const std::string more = writer.add("Add", {gate, writer.scalar("gelu.one", 1)}, {}, "gelu/more");
    return writer.add("Mul", {half, more}, {}, "gelu");
}

/// The operator that a kind without numbers is; null where it is several, or has numbers.
const char* plain_operator(ActivationKind kind) {
    switch (kind) {
        case ActivationKind::relu:
            return "Relu";
        case ActivationKind::sigmoid:
            return "Sigmoid";
        case ActivationKind::tanh:
            return "Tanh";
        case ActivationKind::erf:
            return "Erf";
        case ActivationKind::exp:
            return "Exp";
        case ActivationKind::log:
            return "Log";
        case ActivationKind::sqrt:
            return "Sqrt";
        case ActivationKind::abs:
            return "Abs";
        case ActivationKind::neg:
            return "Neg";
        case ActivationKind::reciprocal:
            return "Reciprocal";
        case ActivationKind::softplus:
            return "Softplus";
        default:
            return nullptr;
    }
}

const char* binary_operator(BinaryKind kind) {
    switch (kind) {
        case BinaryKind::add:
            return "Add";
        case BinaryKind::sub:
            return "Sub";
        case BinaryKind::mul:
            return "Mul";
        case BinaryKind::div:
            return "Div";
        case BinaryKind::max:
            return "Max";
        case BinaryKind::min:
            return "Min";
        case BinaryKind::pow:
            return "Pow";
    }
    throw UsageError("[export] arithmetic of no kind");
}

/// {h, w, c} to {c, h, w}
std::vector<float> channels_first(const std::vector<float>& values, const Buffer& map, std::int64_t c) {
    std::vector<float> result;
    result.reserve(values.size());
    for (std::int64_t channel = 0; channel < c; ++channel)
        for (std::int64_t pixel = 0; pixel < map.h * map.w; ++pixel)
            result.push_back(values[static_cast<std::size_t>(pixel * c + channel)]);
    return result;
}

void write_binary(OnnxWriter& writer, const Node& node, const Binary& binary) {
    const Buffer& map = writer.graph().map(node.src);
    std::string other;
    if (binary.operand)
        other = writer.read(*binary.operand);
    else if (binary.constant.size() == 1)
        other = writer.scalar("constant", binary.constant.front());
    else if (std::ssize(binary.constant) == node.src.c)
        other = writer.channels("constant", binary.constant);
    else
        other = writer.floats("constant", channels_first(binary.constant, map, node.src.c), {node.src.c, map.h, map.w});
    Names operands{writer.read(node.src), other};
    if (binary.swapped) std::swap(operands[0], operands[1]);
    writer.write(node.dst, writer.add(binary_operator(binary.kind), std::move(operands)));
}

void write_add(OnnxWriter& writer, const Node& node, const Add& add) {
    const std::string sum = writer.add("Add", {writer.read(node.src), writer.read(*add.residual)});
    writer.write(node.dst, with_relu(writer, sum, add.relu));
}

void write_affine(OnnxWriter& writer, const Node& node, const Affine& affine) {
    const std::string result = with_affine(writer, writer.read(node.src), affine.scale, affine.shift, {});
    writer.write(node.dst, with_relu(writer, result, affine.relu));
}

void write_activation(OnnxWriter& writer, const Node& node, const Activate& op) {
    writer.write(node.dst, with_activation(writer, writer.read(node.src), op.activation));
}

void write_prelu(OnnxWriter& writer, const Node& node, const PRelu& op) {
    const std::string slope =
        op.slope.size() == 1 ? writer.floats("slope", op.slope, {1}) : writer.channels("slope", op.slope);
    writer.write(node.dst, writer.add("PRelu", {writer.read(node.src), slope}));
}

void write_softmax(OnnxWriter& writer, const Node& node, const Softmax& op) {
    writer.write(node.dst,
                 writer.add(op.log ? "LogSoftmax" : "Softmax", {writer.read(node.src)}, {{"axis", std::int64_t{1}}}));
}

/// The narrowest type that holds [low, high], whose own ends it may reach beyond.
onnx::ElementType integer_type(const OnnxWriter& writer, const FakeQuantize& op) {
    constexpr int kSixteenBits = 21;
    const auto within = [&](std::int64_t least, std::int64_t most) { return op.low >= least && op.high <= most; };
    if (within(0, 255)) return onnx::ElementType::u8;
    if (within(-128, 127)) return onnx::ElementType::s8;
    if (writer.opset() < kSixteenBits || !(within(0, 65535) || within(-32768, 32767)))
        throw UsageError(fmt::format("[export] a rounding to integers of {} to {}, which opset {} does not have",
                                     op.low, op.high, writer.opset()));
    return within(0, 65535) ? onnx::ElementType::u16 : onnx::ElementType::s16;
}

void write_fake_quantize(OnnxWriter& writer, const Node& node, const FakeQuantize& op) {
    using onnx::ElementType;
    const ElementType type = integer_type(writer, op);
    const bool is_signed = type == ElementType::s8 || type == ElementType::s16;
    const std::int64_t bits = type == ElementType::u8 || type == ElementType::s8 ? 8 : 16;
    const std::int64_t least = is_signed ? -(std::int64_t{1} << (bits - 1)) : 0,
                       most = least + (std::int64_t{1} << bits) - 1;
    const bool single = op.scale.size() == 1;
    const Ints dims = single ? Ints{} : Ints{std::ssize(op.scale)};
    const std::string scale = writer.floats("scale", op.scale, dims),
                      zero = writer.constant("zero", {type, dims, {}, op.zero});
    const Attributes axis = single ? Attributes{} : Attributes{{"axis", std::int64_t{1}}};
    std::string src = writer.read(node.src);
    if (op.low != least || op.high != most) {  // a narrower range than the type's: cut before it is rounded
        if (!single) throw UsageError("[export] a rounding of channels to less than 8 or 16 bits");
        const auto edge = [&](std::int64_t value) { return op.scale[0] * static_cast<float>(value - op.zero[0]); };
        src = clip(writer, src, edge(op.low), edge(op.high));
    }
    const std::string rounded = writer.add("QuantizeLinear", {src, scale, zero}, axis, "quantize");
    writer.write(node.dst, writer.add("DequantizeLinear", {rounded, scale, zero}, axis));
}

constexpr ExportEntry kArithmeticEntries[] = {
    export_entry<Add, write_add>(),
    export_entry<Affine, write_affine>(),
    export_entry<Activate, write_activation>(),
    export_entry<Binary, write_binary>(),
    export_entry<PRelu, write_prelu>(),
    export_entry<Softmax, write_softmax>(),
    export_entry<FakeQuantize, write_fake_quantize>(),
};

}  // namespace

std::string with_relu(OnnxWriter& writer, const std::string& tensor, bool relu) {
    return relu ? writer.add("Relu", {tensor}, {}, "relu") : tensor;
}

std::string with_activation(OnnxWriter& writer, const std::string& src, const kernels::Activation& activation) {
    if (const char* op = plain_operator(activation.kind)) return writer.add(op, {src}, {}, op);
    switch (activation.kind) {
        case ActivationKind::leaky_relu:
            return writer.add("LeakyRelu", {src}, {{"alpha", activation.alpha}}, "leaky_relu");
        case ActivationKind::elu:
            return writer.add("Elu", {src}, {{"alpha", activation.alpha}}, "elu");
        case ActivationKind::clip:
            return clip(writer, src, activation.alpha, activation.beta);
        case ActivationKind::hard_sigmoid:
            return writer.add("HardSigmoid", {src}, {{"alpha", activation.alpha}, {"beta", activation.beta}},
                              "hard_sigmoid");
        case ActivationKind::hard_swish: {
            if (writer.opset() >= kHardSwish) return writer.add("HardSwish", {src}, {}, "hard_swish");
            const std::string gate =
                writer.add("HardSigmoid", {src}, {{"alpha", 1.F / 6}, {"beta", 0.5F}}, "hard_swish/gate");
            return gated(writer, src, gate, "hard_swish");
        }
        case ActivationKind::silu:
            return gated(writer, src, writer.add("Sigmoid", {src}, {}, "silu/gate"), "silu");
        case ActivationKind::gelu:
        case ActivationKind::gelu_tanh:
            return gelu(writer, src, activation.kind == ActivationKind::gelu_tanh);
        case ActivationKind::mish: {
            if (writer.opset() >= kMish) return writer.add("Mish", {src}, {}, "mish");
            const std::string plus = writer.add("Softplus", {src}, {}, "mish/softplus");
            return gated(writer, src, writer.add("Tanh", {plus}, {}, "mish/gate"), "mish");
        }
        default:
            return src;
    }
}

std::string with_affine(OnnxWriter& writer, const std::string& tensor, const std::vector<float>& scale,
                        const std::vector<float>& shift, const std::string& label) {
    // A batch norm of mean 0 and variance 1: one pass in most runtimes, which fold it into a convolution where they
    // can.
    const std::string dot = label.empty() ? "" : label + ".";
    const std::vector<float> zeros(scale.size(), 0), ones(scale.size(), 1);
    return writer.add(
        "BatchNormalization",
        {tensor, writer.channels(dot + "weight", scale, true), writer.channels(dot + "bias", shift, true),
         writer.channels(dot + "running_mean", zeros, true), writer.channels(dot + "running_var", ones, true)},
        {{"epsilon", 0.F}}, label);
}

std::span<const ExportEntry> arithmetic_exports() { return kArithmeticEntries; }

}  // namespace keel::graph
