#include <algorithm>
#include <optional>

#include "graph/export/operators.h"
#include "graph/ops/conv.h"
#include "graph/ops/matmul.h"
#include "graph/ops/norm.h"
#include "graph/ops/pool.h"
#include "graph/ops/reduce.h"
#include "graph/ops/window_pool.h"

namespace keel::graph {
namespace {

onnx::Array array_of(const Tensor& weights, const Ints& dims) {
    const auto values = weights.values<float>();
    return {onnx::ElementType::f32, dims, {values.begin(), values.end()}, {}};
}

/// Whether a convolution is a matrix product with all of its map: one whose map is more than a pixel, or a tensor of a
/// matrix already, or that makes the result. Others of one pixel stay convolutions, as they are in what Keel imports.
bool is_product(const OnnxWriter& writer, const Node& node, const Conv& conv) {
    const Graph& graph = writer.graph();
    const Buffer &src = graph.map(node.src), &dst = graph.map(node.dst);
    if (conv.weights.dim(2) != src.h || conv.weights.dim(3) != src.w || conv.window.groups != 1 ||
        conv.window.padded() || dst.h != 1 || dst.w != 1)
        return false;
    return src.h * src.w > 1 || writer.is_flat(node.src) || node.dst == graph.dst;
}

std::string product(OnnxWriter& writer, const Node& node, const Conv& conv) {
    const Buffer& src = writer.graph().map(node.src);
    std::string matrix;
    if (src.h * src.w == 1 && !conv.prologue)
        matrix = writer.read_flat(node.src);
    else
        matrix = writer.add("Flatten", {read_through(writer, node.src, conv.prologue)}, {{"axis", std::int64_t{1}}},
                            "flatten");
    const std::int64_t oc = conv.weights.dim(0);
    return writer.add("Gemm",
                      {matrix, writer.constant("weight", array_of(conv.weights, {oc, conv.weights.elements() / oc})),
                       writer.channels("bias", conv.bias, true)},
                      {{"transB", std::int64_t{1}}});
}

std::string convolution(OnnxWriter& writer, const Node& node, const Conv& conv) {
    const ConvWindow& w = conv.window;
    const Tensor& weights = conv.weights;
    const Ints dims{weights.dim(0), weights.dim(1), weights.dim(2), weights.dim(3)};
    return writer.add("Conv",
                      {read_through(writer, node.src, conv.prologue),
                       writer.constant("weight", array_of(weights, dims)), writer.channels("bias", conv.bias, true)},
                      {{"kernel_shape", Ints{dims[2], dims[3]}},
                       {"strides", Ints{w.stride_h, w.stride_w}},
                       {"pads", Ints{w.top, w.left, w.bottom, w.right}},
                       {"dilations", Ints{w.dilation_h, w.dilation_w}},
                       {"group", std::int64_t{w.groups}}});
}

void write_conv(OnnxWriter& writer, const Node& node, const Conv& conv) {
    const bool flat = is_product(writer, node, conv);
    std::string tensor = flat ? product(writer, node, conv) : convolution(writer, node, conv);
    if (conv.residual) {
        const std::string other = flat ? writer.read_flat(*conv.residual) : writer.read(*conv.residual);
        tensor = writer.add("Add", {tensor, other}, {}, "add");
    }
    tensor = with_relu(writer, tensor, conv.relu);
    if (conv.activation && !conv.relu) tensor = with_activation(writer, tensor, *conv.activation);
    writer.write(node.dst, tensor, flat);
}

void write_matmul(OnnxWriter& writer, const Node& node, const MatMul& product) {
    // {n, columns, batches * rows, 1} of a map to {n, batches, rows, columns}.
    const auto matrices = [&](const Value& value, std::int64_t rows, std::int64_t columns, const std::string& label) {
        const std::string split = writer.add(
            "Reshape", {writer.read(value), writer.integers(label + ".dims", {0, columns, product.batches, rows})}, {},
            label + "/split");
        return writer.add("Transpose", {split}, {{"perm", Ints{0, 2, 3, 1}}}, label + "/transpose");
    };
    const std::string left = matrices(node.src, product.m, product.k, "left");
    const std::string right = matrices(*product.operand, product.k, product.n, "right");
    const std::string result = writer.add("MatMul", {left, right});
    const std::string back = writer.add("Transpose", {result}, {{"perm", Ints{0, 3, 1, 2}}}, "back");
    const Buffer& dst = writer.graph().map(node.dst);
    writer.write(node.dst,
                 writer.add("Reshape", {back, writer.integers("dims", {0, node.dst.c, dst.h, dst.w})}, {}, "join"));
}

Attributes window_attributes(const WindowPool& pool, bool ceil, const Ints& pads) {
    Attributes attributes{{"kernel_shape", Ints{pool.kh, pool.kw}},
                          {"strides", Ints{pool.stride_h, pool.stride_w}},
                          {"pads", pads},
                          {"ceil_mode", std::int64_t{ceil}}};
    if (pool.dilation_h > 1 || pool.dilation_w > 1) attributes["dilations"] = Ints{pool.dilation_h, pool.dilation_w};
    return attributes;
}

/// How far the last window of an axis reaches beyond the map and its padding.
std::int64_t beyond(std::int64_t in, std::int64_t out, int kernel, int stride, int dilation, int before, int after) {
    return std::max<std::int64_t>(
        0, (out - 1) * stride + std::int64_t{dilation} * (kernel - 1) + 1 - (in + before + after));
}

void write_window_pool(OnnxWriter& writer, const Node& node, const WindowPool& pool) {
    const Buffer &src = writer.graph().map(node.src), &dst = writer.graph().map(node.dst);
    const std::int64_t down = beyond(src.h, dst.h, pool.kh, pool.stride_h, pool.dilation_h, pool.top, pool.bottom),
                       right = beyond(src.w, dst.w, pool.kw, pool.stride_w, pool.dilation_w, pool.left, pool.right);
    const bool average = pool.kind == WindowPool::Kind::average;
    // Padding that is not counted may go as far as the last window does; what counts has the extents that it is said to
    // have, and the windows beyond them want ceil_mode.
    const bool ceil = average && pool.count_padding && (down > 0 || right > 0);
    Ints pads{pool.top, pool.left, pool.bottom, pool.right};
    if (!ceil) {
        pads[2] += down;
        pads[3] += right;
    }
    Attributes attributes = window_attributes(pool, ceil, pads);
    if (average) attributes["count_include_pad"] = std::int64_t{pool.count_padding};
    writer.write(node.dst,
                 writer.add(average ? "AveragePool" : "MaxPool", {writer.read(node.src)}, std::move(attributes)));
}

void write_pool(OnnxWriter& writer, const Node& node, const Pool& pool) {
    const std::string src = read_through(writer, node.src, pool.prologue);
    if (pool.kind == PoolKind::adaptive_average)
        return writer.write(node.dst, with_adaptive_average(writer, node, src));
    const std::int64_t kernel = pool.window.kernel, stride = pool.window.stride, pad = pool.window.pad;
    Attributes attributes{
        {"kernel_shape", Ints{kernel, kernel}}, {"strides", Ints{stride, stride}}, {"pads", Ints{pad, pad, pad, pad}}};
    const bool average = pool.kind == PoolKind::average;
    if (average) attributes["count_include_pad"] = std::int64_t{1};
    writer.write(node.dst, writer.add(average ? "AveragePool" : "MaxPool", {src}, std::move(attributes)));
}

void write_reduce(OnnxWriter& writer, const Node& node, const Reduce& reduce) {
    constexpr int kAxesAreInputs = 18;  // of ReduceSum earlier, which all opsets here have
    const bool sum = reduce.kind == Reduce::Kind::sum;
    const char* op = sum                                 ? "ReduceSum"
                     : reduce.kind == Reduce::Kind::mean ? "ReduceMean"
                     : reduce.kind == Reduce::Kind::max  ? "ReduceMax"
                                                         : "ReduceMin";
    if (sum || writer.opset() >= kAxesAreInputs)
        return writer.write(node.dst, writer.add(op, {writer.read(node.src), writer.integers("axes", {1})}));
    writer.write(node.dst, writer.add(op, {writer.read(node.src)}, {{"axes", Ints{1}}}));
}

std::vector<float> or_all(const std::vector<float>& values, std::int64_t c, float value) {
    return values.empty() ? std::vector<float>(static_cast<std::size_t>(c), value) : values;
}

/// The mean over channels, of opsets where its axes are an attribute and where they are an input.
std::string channel_mean(OnnxWriter& writer, const std::string& src, const std::string& label) {
    constexpr int kAxesAreInputs = 18;
    if (writer.opset() >= kAxesAreInputs)
        return writer.add("ReduceMean", {src, writer.integers(label + ".axes", {1})}, {}, label);
    return writer.add("ReduceMean", {src}, {{"axes", Ints{1}}}, label);
}

void write_layer_norm(OnnxWriter& writer, const Node& node, const LayerNorm& norm) {
    constexpr int kLayerNormalization = 17;
    const std::vector<float> scale = or_all(norm.scale, node.src.c, 1), shift = or_all(norm.shift, node.src.c, 0);
    const std::string src = writer.read(node.src);
    if (writer.opset() >= kLayerNormalization) {  // over the last axes, so that the channels must come last
        const std::string last = writer.add("Transpose", {src}, {{"perm", Ints{0, 2, 3, 1}}}, "channels_last");
        const std::string result = writer.add(
            "LayerNormalization", {last, writer.channels("weight", scale, true), writer.channels("bias", shift, true)},
            {{"axis", std::int64_t{-1}}, {"epsilon", norm.eps}});
        return writer.write(node.dst,
                            writer.add("Transpose", {result}, {{"perm", Ints{0, 3, 1, 2}}}, "channels_first"));
    }
    const std::string centred = writer.add("Sub", {src, channel_mean(writer, src, "mean")}, {}, "centred");
    const std::string square = writer.add("Mul", {centred, centred}, {}, "square");
    const std::string variance = channel_mean(writer, square, "variance");
    const std::string steady = writer.add("Add", {variance, writer.scalar("epsilon", norm.eps)}, {}, "steady");
    const std::string deviation = writer.add("Sqrt", {steady}, {}, "deviation");
    const std::string normal = writer.add("Div", {centred, deviation}, {}, "normal");
    const std::string scaled = writer.add("Mul", {normal, writer.channels("weight", scale)}, {}, "scaled");
    writer.write(node.dst, writer.add("Add", {scaled, writer.channels("bias", shift)}));
}

void write_instance_norm(OnnxWriter& writer, const Node& node, const InstanceNorm& norm) {
    writer.write(node.dst,
                 writer.add("InstanceNormalization",
                            {writer.read(node.src), writer.channels("weight", or_all(norm.scale, node.src.c, 1), true),
                             writer.channels("bias", or_all(norm.shift, node.src.c, 0), true)},
                            {{"epsilon", norm.eps}}));
}

void write_lrn(OnnxWriter& writer, const Node& node, const LocalResponseNorm& norm) {
    writer.write(
        node.dst,
        writer.add(
            "LRN", {writer.read(node.src)},
            {{"size", std::int64_t{norm.size}}, {"alpha", norm.alpha}, {"beta", norm.beta}, {"bias", norm.bias}}));
}

/// The areas of one axis of an adaptive pool as a matrix {in, out}.
std::vector<float> areas(std::int64_t in, std::int64_t out) {
    std::vector<float> matrix(static_cast<std::size_t>(in * out), 0);
    for (std::int64_t o = 0; o < out; ++o) {
        const std::int64_t from = o * in / out, to = ((o + 1) * in + out - 1) / out;
        for (std::int64_t i = from; i < to; ++i)
            matrix[static_cast<std::size_t>(i * out + o)] = 1 / static_cast<float>(to - from);
    }
    return matrix;
}

constexpr ExportEntry kLayersEntries[] = {
    export_entry<Conv, write_conv>(),
    export_entry<MatMul, write_matmul>(),
    export_entry<Pool, write_pool>(),
    export_entry<WindowPool, write_window_pool>(),
    export_entry<Reduce, write_reduce>(),
    export_entry<LayerNorm, write_layer_norm>(),
    export_entry<InstanceNorm, write_instance_norm>(),
    export_entry<LocalResponseNorm, write_lrn>(),
};

}  // namespace

std::string with_adaptive_average(OnnxWriter& writer, const Node& node, const std::string& tensor) {
    const Buffer &src = writer.graph().map(node.src), &dst = writer.graph().map(node.dst);
    if (dst.h == 1 && dst.w == 1) return writer.add("GlobalAveragePool", {tensor});
    if (src.h == dst.h && src.w == dst.w) return tensor;
    if (src.h % dst.h == 0 && src.w % dst.w == 0) {
        const Ints window{src.h / dst.h, src.w / dst.w};
        return writer.add("AveragePool", {tensor}, {{"kernel_shape", window}, {"strides", window}});
    }
    if (dst.h % src.h == 0 && dst.w % src.w == 0) {  // each area is one pixel
        const auto times = [](std::int64_t out, std::int64_t in) { return static_cast<float>(out / in); };
        return writer.add("Resize",
                          {tensor, "", writer.floats("scales", {1, 1, times(dst.h, src.h), times(dst.w, src.w)}, {4})},
                          {{"mode", std::string("nearest")},
                           {"coordinate_transformation_mode", std::string("asymmetric")},
                           {"nearest_mode", std::string("floor")}});
    }
    // Areas of several sizes, or that overlap: a product with a matrix of weights along each axis.
    const auto along = [&](const std::string& map, std::int64_t in, std::int64_t out, const std::string& label) {
        return writer.add("MatMul", {map, writer.floats(label, areas(in, out), {in, out})}, {}, label);
    };
    const auto turned = [&](const std::string& map, const std::string& label) {
        return writer.add("Transpose", {map}, {{"perm", Ints{0, 1, 3, 2}}}, label);
    };
    const std::string columns = turned(along(tensor, src.w, dst.w, "columns"), "turned");
    return turned(along(columns, src.h, dst.h, "rows"), "back");
}

std::string read_through(OnnxWriter& writer, const Value& src, const std::optional<Prologue>& prologue) {
    const std::string tensor = writer.read(src);
    if (!prologue) return tensor;
    const std::string affine = with_affine(writer, tensor, prologue->scale, prologue->shift, "norm");
    return writer.add("Relu", {affine}, {}, "norm/relu");
}

std::span<const ExportEntry> layer_exports() { return kLayersEntries; }

}  // namespace keel::graph
