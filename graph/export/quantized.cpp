// Quantized values are tensors of u8, and stand for themselves: between QuantizeLinear and DequantizeLinear of scale 1
// all arithmetic is that of the codes (docs/quantization.md), so that scales and zeros of channels, which a tensor of
// ONNX has not, are factors and sums of the layers.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "graph/export/operators.h"
#include "graph/ops/quant_add.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/quant_pool.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

using onnx::ElementType;
using Codes = std::vector<std::uint8_t>;

std::string zero_point(OnnxWriter& writer, std::int64_t value, const std::string& label) {
    return writer.constant(label, {ElementType::u8, {}, {}, {value}});
}

/// The numbers of codes, less `zero`.
std::string decode(OnnxWriter& writer, const std::string& codes, std::int64_t zero, const std::string& label) {
    return writer.add("DequantizeLinear",
                      {codes, writer.scalar(label + ".scale", 1), zero_point(writer, zero, label + ".zero")}, {},
                      label);
}

/// Numbers to the nearest code.
std::string encode(OnnxWriter& writer, const std::string& numbers, const std::string& label) {
    return writer.add("QuantizeLinear",
                      {numbers, writer.scalar(label + ".scale", 1), zero_point(writer, 0, label + ".zero")}, {}, label);
}

std::string scaled(OnnxWriter& writer, const std::string& src, const std::vector<float>& scale,
                   const std::vector<float>& shift, const std::string& label, bool flat = false) {
    const std::string product =
        writer.add("Mul", {src, writer.channels(label + ".factor", scale, flat)}, {}, label + "/mul");
    return writer.add("Add", {product, writer.channels(label + ".shift", shift, flat)}, {}, label + "/add");
}

std::vector<float> numbers(const Codes& codes) { return {codes.begin(), codes.end()}; }
bool all_are(const Codes& codes, std::uint8_t code) {
    return std::ranges::all_of(codes, [=](std::uint8_t each) { return each == code; });
}

/// The codes of src as a prologue makes them.
std::string codes_through(OnnxWriter& writer, const Value& src, const QuantPrologue& prologue) {
    const std::string codes = writer.read(src);
    const bool low = !all_are(prologue.low, 0), high = !all_are(prologue.high, 255);
    if (!prologue.scale.empty()) {
        const std::string decoded = decode(writer, codes, 0, "before/decode");
        return encode(writer, scaled(writer, decoded, prologue.scale, prologue.shift, "before"), "before/encode");
    }
    if (!low && !high) return codes;
    std::string tensor = decode(writer, codes, 0, "before/decode");
    if (low) tensor = writer.add("Max", {tensor, writer.channels("low", numbers(prologue.low))}, {}, "before/max");
    if (high) tensor = writer.add("Min", {tensor, writer.channels("high", numbers(prologue.high))}, {}, "before/min");
    return encode(writer, tensor, "before/encode");
}

struct Border {
    std::int64_t h, w, pad;
};

/// The map with a border of a code for each channel: zeros, and the codes where the border is.
std::string bordered(OnnxWriter& writer, const std::string& codes, const Codes& pad, const Border& at) {
    const std::int64_t p = at.pad, h = at.h + 2 * p, w = at.w + 2 * p;
    std::vector<float> mask;
    for (std::int64_t y = 0; y < h; ++y)
        for (std::int64_t x = 0; x < w; ++x) mask.push_back(y < p || y >= h - p || x < p || x >= w - p ? 1.F : 0.F);
    const std::string wide = writer.add(
        "Pad", {decode(writer, codes, 0, "border/decode"), writer.integers("border.pads", {0, 0, p, p, 0, 0, p, p})},
        {{"mode", std::string("constant")}}, "border/pad");
    const std::string border = writer.add(
        "Mul", {writer.channels("border.codes", numbers(pad)), writer.floats("border.mask", mask, {1, h, w})}, {},
        "border");
    return encode(writer, writer.add("Add", {wide, border}, {}, "border/add"), "border/encode");
}

/// What an operator reads, and what is still to be padded around it by the code `zero`.
struct Source {
    std::string codes{};
    std::int64_t zero = 0;
    int pad = 0;
};

Source source_of(OnnxWriter& writer, const Node& node, const QuantPrologue& prologue, const Codes& pad_codes, int pad) {
    Source source{codes_through(writer, node.src, prologue), 0, pad};
    if (pad == 0 || pad_codes.empty()) return source;
    if (all_are(pad_codes, pad_codes.front())) {
        source.zero = pad_codes.front();  // what is 0 to a convolution is what it pads with
        return source;
    }
    const Buffer& map = writer.graph().map(node.src);
    source.codes = bordered(writer, source.codes, pad_codes, {map.h, map.w, pad});
    source.pad = 0;
    return source;
}

/// Weights and bias in integers: with y = acc * scale, bias is the shift in steps of the scale.
struct IntegerWeights {
    onnx::Array weights{ElementType::s8, {}, {}, {}}, bias{ElementType::s32, {}, {}, {}};
    std::vector<float> scale;
};

/// Writes a channel's weights and shift as integers of one scale. It is the convolution's, unless that is too small for
/// the shift in 32 bits: then one that holds it, of which the weights are fewer steps. Sums that are so small beside
/// their shift are off by some thousandths of a code by that.
void add_channel(IntegerWeights& result, const QuantConv& conv, std::int64_t channel, std::int64_t zero) {
    const std::int64_t taps = conv.weights.elements() / conv.weights.dim(0);
    const auto o = static_cast<std::size_t>(channel);
    const auto values =
        conv.weights.values<std::int8_t>().subspan(o * static_cast<std::size_t>(taps), static_cast<std::size_t>(taps));
    double magnitude = 0;
    for (const std::int8_t value : values) magnitude += std::abs(static_cast<double>(value));
    constexpr double kMostCode = 255, kMostInteger = 1 << 29;  // three such make 32 bits
    const double own = conv.scale[o], shift = conv.shift[o];
    if (own < 0) throw UsageError(fmt::format("[export] a scale of {} of channel {}", own, channel));
    const double largest = std::max(std::abs(shift), magnitude * kMostCode * own);
    double scale = std::max(own, largest / kMostInteger);
    if (scale == 0) scale = 1;  // nothing but zeros
    std::int64_t sum = 0;
    for (const std::int8_t value : values) {
        result.weights.integers.push_back(std::llrint(value * own / scale));
        sum += result.weights.integers.back();
    }
    result.bias.integers.push_back(std::llrint(shift / scale) + zero * sum);
    result.scale.push_back(static_cast<float>(scale));
}

IntegerWeights integer_weights(const QuantConv& conv, std::int64_t zero, bool flat) {
    IntegerWeights result;
    const Dims& dims = conv.weights.dims();
    result.weights.dims =
        flat ? Ints{dims[0], conv.weights.elements() / dims[0]} : Ints{dims[0], dims[1], dims[2], dims[3]};
    result.bias.dims = {dims[0]};
    for (std::int64_t o = 0; o < dims[0]; ++o) add_channel(result, conv, o, zero);
    return result;
}

/// The inputs of a convolution or product: numbers, weights of a scale for each channel, bias.
Names integer_operands(OnnxWriter& writer, const QuantConv& conv, const std::string& src, std::int64_t zero,
                       bool flat) {
    IntegerWeights parts = integer_weights(conv, zero, flat);
    const auto oc = static_cast<std::size_t>(conv.weights.dim(0));
    const Ints dims{conv.weights.dim(0)}, zeros(oc, 0);
    const std::string scale = writer.floats("scale", parts.scale, dims);
    const std::string weights = writer.add("DequantizeLinear",
                                           {writer.constant("weight", std::move(parts.weights)), scale,
                                            writer.constant("weight.zero", {ElementType::s8, dims, {}, zeros})},
                                           {{"axis", std::int64_t{0}}}, "weight");
    const std::string bias = writer.add("DequantizeLinear",
                                        {writer.constant("bias", std::move(parts.bias)), scale,
                                         writer.constant("bias.zero", {ElementType::s32, dims, {}, zeros})},
                                        {{"axis", std::int64_t{0}}}, "bias");
    return {src, weights, bias};
}

/// A convolution over its whole map is a product.
bool is_product(const OnnxWriter& writer, const Node& node, const QuantConv& conv) {
    const Buffer &src = writer.graph().map(node.src), &dst = writer.graph().map(node.dst);
    return conv.weights.dim(2) == src.h && conv.weights.dim(3) == src.w && conv.options.groups == 1 &&
           conv.options.pad == 0 && dst.h == 1 && dst.w == 1 && (src.h * src.w > 1 || node.dst == writer.graph().dst);
}

std::string sums(OnnxWriter& writer, const Node& node, const QuantConv& conv, bool flat) {
    const Source source = source_of(writer, node, conv.prologue, conv.pad, conv.options.pad);
    const auto decoded = [&](const std::string& codes) { return decode(writer, codes, source.zero, "src"); };
    if (flat) {
        const std::string row = writer.add("Flatten", {source.codes}, {{"axis", std::int64_t{1}}}, "flatten");
        return writer.add("Gemm", integer_operands(writer, conv, decoded(row), source.zero, true),
                          {{"transB", std::int64_t{1}}});
    }
    const std::int64_t stride = conv.options.stride, pad = source.pad, dilation = conv.options.dilation;
    return writer.add("Conv", integer_operands(writer, conv, decoded(source.codes), source.zero, false),
                      {{"kernel_shape", Ints{conv.weights.dim(2), conv.weights.dim(3)}},
                       {"strides", Ints{stride, stride}},
                       {"pads", Ints{pad, pad, pad, pad}},
                       {"dilations", Ints{dilation, dilation}},
                       {"group", std::int64_t{conv.options.groups}}});
}

void write_quant_conv(OnnxWriter& writer, const Node& node, const QuantConv& conv) {
    const bool flat = is_product(writer, node, conv);
    std::string tensor = sums(writer, node, conv, flat);
    if (conv.residual) {
        const std::string codes = flat ? writer.read_flat(*conv.residual) : writer.read(*conv.residual);
        const std::string factor = writer.channels("residual.factor", conv.residual_scale, flat);
        const std::string other = writer.add("Mul", {decode(writer, codes, 0, "residual"), factor}, {}, "residual/mul");
        tensor = writer.add("Add", {tensor, other}, {}, "add");
    }
    if (!writer.graph().map(node.dst).quantized)
        return writer.write(node.dst, with_relu(writer, tensor, conv.relu), flat);
    tensor = encode(writer, tensor, "encode");  // which cuts at 0
    if (conv.relu && conv.zero > 0) {
        const std::string decoded = decode(writer, tensor, 0, "relu/decode");
        const std::string cut = writer.add("Max", {decoded, writer.scalar("relu.zero", conv.zero)}, {}, "relu");
        tensor = encode(writer, cut, "relu/encode");
    }
    writer.write(node.dst, tensor, flat);
}

void write_quant_average(OnnxWriter& writer, const Node& node, const QuantPool& pool) {
    const bool adaptive = pool.kind == PoolKind::adaptive_average;
    const Source source = source_of(writer, node, pool.prologue, pool.pad, adaptive ? 0 : pool.window.pad);
    const std::string decoded = decode(writer, source.codes, source.zero, "src");
    std::string mean;
    if (adaptive) {
        mean = with_adaptive_average(writer, node, decoded);
    } else {
        const std::int64_t kernel = pool.window.kernel, stride = pool.window.stride, pad = source.pad;
        mean = writer.add("AveragePool", {decoded},
                          {{"kernel_shape", Ints{kernel, kernel}},
                           {"strides", Ints{stride, stride}},
                           {"pads", Ints{pad, pad, pad, pad}},
                           {"count_include_pad", std::int64_t{1}}});
    }
    std::vector<float> shift = pool.shift;
    for (std::size_t c = 0; c < shift.size(); ++c) shift[c] += static_cast<float>(source.zero) * pool.scale[c];
    const std::string result = scaled(writer, mean, pool.scale, shift, "scaled");
    writer.write(node.dst, writer.graph().map(node.dst).quantized ? encode(writer, result, "encode") : result);
}

void write_quant_pool(OnnxWriter& writer, const Node& node, const QuantPool& pool) {
    if (pool.kind != PoolKind::max) return write_quant_average(writer, node, pool);
    const std::int64_t kernel = pool.window.kernel, stride = pool.window.stride, pad = pool.window.pad;
    writer.write(node.dst, writer.add("MaxPool", {codes_through(writer, node.src, pool.prologue)},
                                      {{"kernel_shape", Ints{kernel, kernel}},
                                       {"strides", Ints{stride, stride}},
                                       {"pads", Ints{pad, pad, pad, pad}}}));
}

void write_quantize(OnnxWriter& writer, const Node& node, const Quantize& op) {
    writer.write(node.dst,
                 encode(writer, scaled(writer, writer.read(node.src), op.scale, op.shift, "scaled"), "encode"));
}

void write_dequantize(OnnxWriter& writer, const Node& node, const Dequantize& op) {
    writer.write(node.dst,
                 scaled(writer, decode(writer, writer.read(node.src), 0, "decode"), op.scale, op.shift, "scaled"));
}

void write_quant_add(OnnxWriter& writer, const Node& node, const QuantAdd& add) {
    const std::string src =
        scaled(writer, decode(writer, writer.read(node.src), 0, "decode"), add.scale, add.shift, "scaled");
    const std::string codes = decode(writer, writer.read(*add.residual), 0, "residual");
    const std::string other =
        writer.add("Mul", {codes, writer.channels("residual.factor", add.residual_scale)}, {}, "residual/mul");
    std::string sum = writer.add("Add", {src, other}, {}, "add");
    if (add.relu && add.zero > 0) sum = writer.add("Max", {sum, writer.scalar("relu.zero", add.zero)}, {}, "relu");
    writer.write(node.dst, encode(writer, sum, "encode"));
}

constexpr ExportEntry kQuantizedEntries[] = {
    export_entry<QuantAdd, write_quant_add>(),    export_entry<QuantConv, write_quant_conv>(),
    export_entry<QuantPool, write_quant_pool>(),  export_entry<Quantize, write_quantize>(),
    export_entry<Dequantize, write_dequantize>(),
};

}  // namespace

std::span<const ExportEntry> quantized_exports() { return kQuantizedEntries; }

}  // namespace keel::graph
