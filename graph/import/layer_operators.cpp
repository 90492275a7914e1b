// Operators with weights, and pools.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/import/windows.h"
#include "graph/ops/matmul.h"
#include "graph/ops/window_pool.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

Tensor tensor_of(std::span<const float> values, const Dims& dims) { return Tensor::from<float>(values, dims); }

/// One row for an image of one axis less: a convolution of {n, c, length} is one of {n, c, 1, length}.
View with_row(View view) {
    if (view.axes.size() == 3) view.axes.insert(view.axes.begin() + 2, Axis{});
    return view;
}
View without_row(View view, bool row) {
    if (row) view.axes.erase(view.axes.begin() + 2);
    return view;
}

/// Gives a convolution or a pool the strides, paddings and dilations of a window.
template <class T>
void set_window(const Window& window, T& op) {
    op.stride_h = window.rows.stride;
    op.stride_w = window.columns.stride;
    op.dilation_h = window.rows.dilation;
    op.dilation_w = window.columns.dilation;
    op.top = window.rows.before;
    op.bottom = window.rows.after;
    op.left = window.columns.before;
    op.right = window.columns.after;
}

/// Remembers the steps of a layer's weights, whose outputs lie along `axis`, where they are known.
void note_steps(NodeScope& node, const Constant& weights, std::size_t axis) {
    if (weights.steps.size() == 1 || (!weights.steps.empty() && weights.steps_axis == axis))
        node.values().weight_steps[node.name()] = weights.steps;
}

void conv(NodeScope& node) {
    const View src = with_row(node.view(0));
    const bool row = node.view(0).axes.size() == 3;
    std::vector<std::int64_t> dims = node.constant(1).dims();
    if (row && dims.size() == 3) dims.insert(dims.begin() + 2, 1);
    node.require(dims.size() == 4, "weights of four extents");
    const std::int64_t groups = node.integer("group", 1);
    node.require(groups > 0 && groups <= 1 << 20 && dims[0] > 0 && dims[0] % groups == 0,
                 "output channels in whole groups");
    node.require(src.axes.size() == 4 && extent(src.axes[1]) == dims[1] * groups, "channels that the weights read");
    const Window window = window_of(node, {dims[2], dims[3]}, row, extent(src.axes[2]), extent(src.axes[3]));
    ConvWindow options;
    set_window(window, options);
    options.groups = static_cast<int>(groups);
    node.require(
        window.rows.windows(extent(src.axes[2]), false) > 0 && window.columns.windows(extent(src.axes[3]), false) > 0,
        "an image that holds a window");
    const Tensor weights = tensor_of(node.floats(1), {dims[0], dims[1], dims[2], dims[3]});
    Tensor bias;
    if (node.has(2)) bias = tensor_of(node.floats_or(2, dims[0], 0), {dims[0]});
    note_steps(node, node.constant(1), 0);
    const Value map = node.builder().conv(node.name(), image_of(node, src), weights, bias, options);
    node.output(without_row(image_view(node.builder(), map), row));
}

void batch_norm(NodeScope& node) {
    node.require(node.integer("training_mode", 0) == 0, "a batch norm of evaluation");
    node.require(node.integer("spatial", 1) != 0, "a batch norm of channels, not of each place");
    node.require(node.view(0).axes.size() >= 2, "a channel axis");
    const Rows rows = rows_of(node, node.view(0), 1);
    const auto c = static_cast<std::size_t>(rows.map.c);
    const std::vector<float> gamma = node.floats_or(1, rows.map.c, 1), beta = node.floats_or(2, rows.map.c, 0),
                             mean = node.floats_or(3, rows.map.c, 0), variance = node.floats_or(4, rows.map.c, 1);
    const double eps = node.number("epsilon", 1e-5F);
    std::vector<double> scale(c), shift(c);
    for (std::size_t i = 0; i < c; ++i) {
        node.require(variance[i] >= 0, "variances of 0 or more");
        scale[i] = gamma[i] / std::sqrt(variance[i] + eps);
        shift[i] = beta[i] - mean[i] * scale[i];
    }
    node.output(View{node.builder().affine(node.name(), rows.map, scale, shift, false), 0, 0, rows.axes});
}

/// Adds src times weights {k, out} (`transposed`: {out, k}) plus a bias, which may be empty, along the last axis.
void product(NodeScope& node, const View& src, const Constant& weights, bool transposed,
             const std::vector<float>& bias) {
    std::vector<std::int64_t> dims = weights.dims();
    while (dims.size() > 2 && dims[0] == 1) dims.erase(dims.begin());
    node.require(dims.size() == 2 && weights.is_float(), "weights of two extents");
    const std::int64_t out = dims[transposed ? 0 : 1], k = dims[transposed ? 1 : 0];
    node.require(src.axes.size() >= 2 && extent(src.axes.back()) == k, "as many columns as the weights have rows");
    note_steps(node, weights, weights.dims().size() - (transposed ? 2 : 1));
    const Axis outputs{{out, 0, transposed ? k : 1}};
    const std::int64_t step = transposed ? 1 : out;
    Tensor offset;
    if (!bias.empty()) offset = tensor_of(bias, {out});
    const std::vector<Axis> result_axis{merged({{out, 0, 1}})};
    if (src.axes.size() == 2 && src.axes[0].empty()) {  // of whole images, flattened in some order
        const View whole = whole_of(node, src);
        std::vector<std::pair<Factor, Factor>> order;  // through the map, and through the weights
        std::int64_t inner = k;
        for (const Factor& f : whole.axes[1]) {
            inner /= f.size;
            order.push_back({f, {f.size, 0, inner * step}});
        }
        std::ranges::stable_sort(order, std::greater(), [](const auto& pair) {  // PyTorch's: channel, row, column
            return std::pair(pair.first.channels, pair.first.pixels);
        });
        Axis inputs;
        for (const auto& pair : order) inputs.push_back(pair.second);
        const bool plain = transposed && merged(inputs) == merged({{k, 0, 1}});
        const Constant sorted = plain ? weights : rearranged(weights, std::vector{outputs, inputs});
        const Value map =
            node.builder().linear(node.name(), map_of(node, whole), tensor_of(sorted.array.floats, {out, k}), offset);
        return node.output(View{map, 0, 0, {Axis{}, result_axis[0]}});
    }
    const Rows rows = rows_of(node, src, src.axes.size() - 1);
    const Constant sorted = transposed ? weights : rearranged(weights, std::vector{outputs, Axis{{k, 0, step}}});
    View result{node.builder().conv(node.name(), rows.map, tensor_of(sorted.array.floats, {out, k, 1, 1}), offset,
                                    ConvWindow{}),
                0, 0, rows.axes};
    result.axes.back() = result_axis[0];
    node.output(std::move(result));
}

void gemm(NodeScope& node) {
    node.require(node.integer("transA", 0) == 0, "a first matrix that is not transposed");
    node.require(node.view(0).axes.size() == 2, "a matrix");
    const float alpha = node.number("alpha", 1), beta = node.number("beta", 1);
    const bool transposed = node.integer("transB", 0) != 0;
    Constant weights = node.constant(1);
    node.require(weights.dims().size() == 2 && weights.is_float(), "weights of two extents");
    if (alpha != 1)
        for (float& weight : weights.array.floats) weight *= alpha;
    std::vector<float> bias;
    if (node.has(2)) {
        const std::int64_t out = weights.dims()[transposed ? 0 : 1];
        bias = expanded(node.constant(2), std::vector<std::int64_t>{1, out}).array.floats;
        for (float& value : bias) value *= beta;
    }
    product(node, node.view(0), weights, transposed, bias);
}

/// A map whose rows are all axes but the last, in their order.
Value matrix_of(NodeScope& node, const View& view) {
    const Rows rows = rows_of(node, view, view.axes.size() - 1);
    std::vector<Axis> others(rows.axes.begin(), rows.axes.end() - 1);
    const std::int64_t count = elements(others);
    if (merged(factors_of(others)) == merged({{count, 1, 0}}) && node.builder().map(rows.map).h == 1) return rows.map;
    return rearranged_map(node, view, factors_of(std::span(view.axes).first(view.axes.size() - 1)), view.axes.back(), 1,
                          count);
}

void matmul(NodeScope& node) {
    node.require(!node.is_constant(0), "a map as the first matrix");
    if (node.is_constant(1)) return product(node, node.view(0), node.constant(1), false, {});
    const View &a = node.view(0), &b = node.view(1);
    const std::size_t rank = a.axes.size();
    node.require(rank >= 3 && b.axes.size() == rank, "matrices with as many axes, the images apart");
    for (std::size_t i = 0; i + 2 < rank; ++i)
        node.require(extent(a.axes[i]) == extent(b.axes[i]), "as many matrices on both sides");
    const std::int64_t batches = elements(std::span(a.axes).first(rank - 2)), m = extent(a.axes[rank - 2]),
                       k = extent(a.axes[rank - 1]), n = extent(b.axes[rank - 1]);
    node.require(extent(b.axes[rank - 2]) == k, "as many columns as the second matrix has rows");
    MatMul product;
    product.operand = matrix_of(node, b);
    product.batches = static_cast<int>(batches);
    product.m = static_cast<int>(m);
    product.k = static_cast<int>(k);
    product.n = static_cast<int>(n);
    const Value src = matrix_of(node, a);
    View result{node.builder().append(node.name(), src, 1, batches * m, n, std::move(product)), 0, 0, a.axes};
    std::int64_t stride = batches * m;
    for (std::size_t i = 0; i + 1 < rank; ++i) {
        const std::int64_t size = extent(a.axes[i]);
        stride /= size;
        result.axes[i] = merged({{size, stride, 0}});
    }
    result.axes.back() = merged({{n, 0, 1}});
    node.output(std::move(result));
}

/// Whether Keel's own pool of square windows computes this one.
bool is_square(const Window& window, std::int64_t h, std::int64_t w, std::int64_t oh, std::int64_t ow) {
    const Stretch &y = window.rows, &x = window.columns;
    return y == x && y.before == y.after && y.dilation == 1 && y.before < y.size && y.windows(h, false) == oh &&
           x.windows(w, false) == ow;
}

void pool(NodeScope& node, WindowPool::Kind kind);

/// A pool of more than two spatial axes, all but two of which stay as they are: those join the channels.
void pool_of_two(NodeScope& node, WindowPool::Kind kind) {
    const View& src = node.view(0);
    const std::size_t spatial = src.axes.size() - 2;
    onnx::Node two = node.node();
    const auto at = [&](const char* key, std::size_t i, std::int64_t otherwise) {
        const std::vector<std::int64_t> list = node.list(key);
        node.require(list.empty() || i < list.size(), "a number of each spatial axis");
        return list.empty() ? otherwise : list[i];
    };
    std::vector<std::size_t> moving;
    View joined = src;
    joined.axes = {src.axes[0], src.axes[1]};
    for (std::size_t i = 0; i < spatial; ++i) {
        const bool stays = at("kernel_shape", i, 0) == 1 && at("strides", i, 1) == 1 && at("pads", i, 0) == 0 &&
                           at("pads", i + spatial, 0) == 0;
        if (!stays) moving.push_back(i);
        Axis& channels = joined.axes[1];
        if (stays) channels.insert(channels.end(), src.axes[i + 2].begin(), src.axes[i + 2].end());
    }
    for (std::size_t i = 0; moving.size() < 2 && i < spatial; ++i)
        if (std::ranges::find(moving, i) == moving.end() && extent(src.axes[i + 2]) == 1) moving.push_back(i);
    node.require(moving.size() <= 2, "a pool along two axes at most");
    std::ranges::sort(moving);
    for (const char* key : {"kernel_shape", "strides", "dilations", "pads"}) {
        if (!node.has_attribute(key)) continue;
        std::vector<std::int64_t> list;
        for (const std::size_t i : moving) list.push_back(at(key, i, 0));
        if (key == std::string("pads"))
            for (const std::size_t i : moving) list.push_back(at(key, i + spatial, 0));
        two.attributes[key] = std::move(list);
    }
    for (const std::size_t i : moving) joined.axes.push_back(src.axes[i + 2]);
    two.inputs = {node.node().inputs[0] + " (of two axes)"};
    node.values().known.insert_or_assign(two.inputs[0], joined);
    NodeScope scope(two, node.opset(), node.values(), node.builder());
    pool(scope, kind);
    const View pooled = std::get<View>(node.values().known.at(two.outputs[0]));
    std::vector<std::int64_t> dims{extent(src.axes[1])};
    for (std::size_t i = 0; i < spatial; ++i)
        if (std::ranges::find(moving, i) == moving.end()) dims.push_back(extent(src.axes[i + 2]));
    auto apart = regrouped(pooled.axes[1], dims);
    node.require(apart.has_value(), "channels that come apart as they were joined");
    View result = pooled;
    result.axes = {pooled.axes[0], (*apart)[0]};
    std::size_t stayed = 1, moved = 2;
    for (std::size_t i = 0; i < spatial; ++i)
        result.axes.push_back(std::ranges::find(moving, i) == moving.end() ? (*apart)[stayed++] : pooled.axes[moved++]);
    node.output(std::move(result));
}

void pool(NodeScope& node, WindowPool::Kind kind) {
    if (node.view(0).axes.size() > 4) return pool_of_two(node, kind);
    for (std::size_t i = 1; i < node.node().outputs.size(); ++i)
        node.require(node.node().outputs[i].empty() || node.values().readers[node.node().outputs[i]] == 0,
                     "a pool whose indices nobody reads");
    const View& from = node.view(0);
    const View src = with_row(from);
    const bool row = from.axes.size() == 3;
    const Value map = image_of(node, src);
    const std::int64_t h = node.builder().map(map).h, w = node.builder().map(map).w;
    std::vector<std::int64_t> kernel = node.list("kernel_shape");
    if (row) kernel.insert(kernel.begin(), 1);
    node.require(kernel.size() == 2, "a kernel of two extents");
    const Window window = window_of(node, {kernel[0], kernel[1]}, row, h, w);
    const bool ceil = node.integer("ceil_mode", 0) != 0, count_padding = node.integer("count_include_pad", 0) != 0;
    const std::int64_t oh = window.rows.windows(h, ceil), ow = window.columns.windows(w, ceil);
    node.require(oh > 0 && ow > 0, "an image that holds a window");
    if (kernel == std::vector<std::int64_t>{1, 1} && window.rows.stride == 1 && window.columns.stride == 1 && oh == h &&
        ow == w && window.rows.before == 0 && window.columns.before == 0)
        return node.output(from);  // what exporters make of an adaptive pool to the extents that a map has
    Value result{};
    const bool average = kind == WindowPool::Kind::average;
    if (is_square(window, h, w, oh, ow) && (!average || count_padding || window.rows.before == 0)) {
        const PoolOptions options{window.rows.size, window.rows.stride, window.rows.before};
        result = average ? node.builder().avg_pool(node.name(), map, options)
                         : node.builder().max_pool(node.name(), map, options);
    } else {
        WindowPool any;
        any.kind = kind;
        any.kh = window.rows.size;
        any.kw = window.columns.size;
        set_window(window, any);
        any.count_padding = count_padding;
        result = node.builder().append(node.name(), map, oh, ow, map.c, any);
    }
    View view = without_row(image_view(node.builder(), result), row);
    if (!average) view.rounding = from.rounding;  // the maximum of rounded numbers is one of them
    node.output(std::move(view));
}

void max_pool(NodeScope& node) { pool(node, WindowPool::Kind::max); }
void average_pool(NodeScope& node) { pool(node, WindowPool::Kind::average); }

void global_average_pool(NodeScope& node) {
    const Value map = image_of(node, node.view(0));
    node.output(image_view(node.builder(), node.builder().adaptive_avg_pool(map, 1, 1)));
}

void global_max_pool(NodeScope& node) {
    const Value map = image_of(node, node.view(0));
    const Buffer extents = node.builder().map(map);
    WindowPool all;
    all.kh = static_cast<int>(extents.h);
    all.kw = static_cast<int>(extents.w);
    node.output(image_view(node.builder(), node.builder().append(node.name(), map, 1, 1, map.c, all)));
}

constexpr LowerEntry kLayerOperators[]{
    {"Conv", conv},
    {"BatchNormalization", batch_norm},
    {"Gemm", gemm},
    {"MatMul", matmul},
    {"MaxPool", max_pool},
    {"AveragePool", average_pool},
    {"GlobalAveragePool", global_average_pool},
    {"GlobalMaxPool", global_max_pool},
};

}  // namespace

std::span<const LowerEntry> layer_operators() { return kLayerOperators; }

}  // namespace keel::graph
