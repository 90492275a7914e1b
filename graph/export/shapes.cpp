#include <algorithm>
#include <numeric>

#include "graph/export/operators.h"
#include "graph/ops/pad.h"
#include "graph/ops/rearrange.h"
#include "graph/ops/resize.h"

namespace keel::graph {
namespace {

/// What the indices of some axes add to a position in src, for each element of those axes in their order.
struct Offsets {
    Ints pixels{0}, channels{0};
};

Offsets offsets_of(const std::vector<RearrangeAxis>& axes) {
    Offsets offsets;
    for (const RearrangeAxis& axis : axes) {
        const auto repeated = [&](const Ints& before, std::int64_t stride) {
            Ints after;
            after.reserve(before.size() * static_cast<std::size_t>(axis.size));
            for (const std::int64_t offset : before)
                for (std::int64_t i = 0; i < axis.size; ++i) after.push_back(offset + i * stride);
            return after;
        };
        offsets.pixels = repeated(offsets.pixels, axis.pixel_stride);
        offsets.channels = repeated(offsets.channels, axis.channel_stride);
    }
    return offsets;
}

bool all_are(const Ints& values, std::int64_t value) {
    return std::ranges::all_of(values, [=](std::int64_t each) { return each == value; });
}

Ints plus(Ints values, std::int64_t offset) {
    for (std::int64_t& value : values) value += offset;
    return values;
}

bool counts_from_0(const Ints& values, std::int64_t size) {
    Ints counted(values.size());
    std::iota(counted.begin(), counted.end(), std::int64_t{0});
    return std::ssize(values) == size && values == counted;
}

class RearrangeWriter {
public:
    RearrangeWriter(OnnxWriter& writer, const Node& node, const Rearrange& op)
        : writer_(writer),
          op_(op),
          src_(writer.graph().map(node.src)),
          dst_(writer.graph().map(node.dst)),
          ic_(node.src.c),
          oc_(node.dst.c),
          by_pixel_(offsets_of(op.pixel_axes)),
          by_channel_(offsets_of(op.channel_axes)) {}

    std::string write(std::string tensor) {
        if (!all_are(by_pixel_.channels, 0) || !all_are(by_channel_.pixels, 0)) return mixed(tensor);
        tensor = channels(tensor, plus(by_channel_.channels, op_.first_channel));
        return pixels(tensor, plus(by_pixel_.pixels, op_.first_pixel));
    }

private:
    std::string reshape(const std::string& tensor, const Ints& dims, const std::string& label) {
        return writer_.add("Reshape", {tensor, writer_.integers(label + ".dims", dims)}, {}, label);
    }
    std::string gather(const std::string& tensor, const Ints& indices, std::int64_t axis, const std::string& label) {
        return writer_.add("Gather", {tensor, writer_.integers(label + ".indices", indices)}, {{"axis", axis}}, label);
    }

    std::string channels(const std::string& tensor, const Ints& from) {
        return counts_from_0(from, ic_) ? tensor : gather(tensor, from, 1, "channels");
    }

    /// Rows and columns that are picked each on their own, else pixels.
    std::string pixels(const std::string& tensor, const Ints& from) {
        if (counts_from_0(from, src_.h * src_.w))
            return src_.h == dst_.h && src_.w == dst_.w ? tensor : reshape(tensor, {0, oc_, dst_.h, dst_.w}, "reshape");
        Ints rows, columns;
        for (std::int64_t y = 0; y < dst_.h; ++y) rows.push_back(from[static_cast<std::size_t>(y * dst_.w)] / src_.w);
        for (std::int64_t x = 0; x < dst_.w; ++x) columns.push_back(from[static_cast<std::size_t>(x)] % src_.w);
        bool separate = true;
        for (std::size_t i = 0; i < from.size(); ++i) {
            const auto width = static_cast<std::size_t>(dst_.w);
            separate = separate && from[i] == rows[i / width] * src_.w + columns[i % width];
        }
        if (!separate) {
            const std::string line = reshape(tensor, {0, oc_, src_.h * src_.w}, "line");
            return reshape(gather(line, from, 2, "pixels"), {0, oc_, dst_.h, dst_.w}, "reshape");
        }
        return along(along(tensor, rows, src_.h, 2, "rows"), columns, src_.w, 3, "columns");
    }

    /// Even steps along an axis are a Slice.
    std::string along(const std::string& tensor, const Ints& from, std::int64_t size, std::int64_t axis,
                      const std::string& label) {
        if (counts_from_0(from, size)) return tensor;
        const std::int64_t step = from.size() > 1 ? from[1] - from[0] : 1;
        bool even = step > 0;
        for (std::size_t i = 1; i < from.size(); ++i) even = even && from[i] - from[i - 1] == step;
        if (!even) return gather(tensor, from, axis, label);
        return writer_.add("Slice",
                           {tensor, writer_.integers(label + ".starts", {from.front()}),
                            writer_.integers(label + ".ends", {from.back() + 1}),
                            writer_.integers(label + ".axes", {axis}), writer_.integers(label + ".steps", {step})},
                           {}, label);
    }

    /// Pixels become channels or the other way round: elements by their numbers, in the order of NCHW.
    std::string mixed(const std::string& tensor) {
        const std::int64_t in = src_.h * src_.w;
        Ints from;
        from.reserve(by_channel_.pixels.size() * by_pixel_.pixels.size());
        for (std::size_t k = 0; k < by_channel_.pixels.size(); ++k)
            for (std::size_t p = 0; p < by_pixel_.pixels.size(); ++p)
                from.push_back((op_.first_channel + by_channel_.channels[k] + by_pixel_.channels[p]) * in +
                               op_.first_pixel + by_channel_.pixels[k] + by_pixel_.pixels[p]);
        const Ints dims{0, oc_, dst_.h, dst_.w};
        if (counts_from_0(from, ic_ * in)) return reshape(tensor, dims, "reshape");
        return reshape(gather(reshape(tensor, {0, ic_ * in}, "line"), from, 1, "elements"), dims, "reshape");
    }

    OnnxWriter& writer_;
    const Rearrange& op_;
    const Buffer &src_, &dst_;
    std::int64_t ic_, oc_;
    Offsets by_pixel_, by_channel_;
};

void write_rearrange(OnnxWriter& writer, const Node& node, const Rearrange& op) {
    writer.write(node.dst, RearrangeWriter(writer, node, op).write(writer.read(node.src)));
}

void write_pad(OnnxWriter& writer, const Node& node, const Pad& op) {
    const Buffer &src = writer.graph().map(node.src), &dst = writer.graph().map(node.dst);
    const Ints pads{0,
                    op.front,
                    op.top,
                    op.left,
                    0,
                    node.dst.c - op.front - node.src.c,
                    dst.h - op.top - src.h,
                    dst.w - op.left - src.w};
    Names inputs{writer.read(node.src), writer.integers("pads", pads)};
    const bool constant = op.mode == Pad::Mode::constant;
    if (constant) inputs.push_back(writer.scalar("value", op.value));
    const std::string mode = constant ? "constant" : op.mode == Pad::Mode::reflect ? "reflect" : "edge";
    writer.write(node.dst, writer.add("Pad", std::move(inputs), {{"mode", mode}}));
}

std::string coordinates_name(kernels::ResizeCoordinates coordinates) {
    switch (coordinates) {
        case kernels::ResizeCoordinates::half_pixel:
            return "half_pixel";
        case kernels::ResizeCoordinates::pytorch_half_pixel:
            return "pytorch_half_pixel";
        case kernels::ResizeCoordinates::align_corners:
            return "align_corners";
        case kernels::ResizeCoordinates::asymmetric:
            return "asymmetric";
    }
    return {};
}

std::string rounding_name(kernels::NearestRounding rounding) {
    switch (rounding) {
        case kernels::NearestRounding::round_prefer_floor:
            return "round_prefer_floor";
        case kernels::NearestRounding::round_prefer_ceil:
            return "round_prefer_ceil";
        case kernels::NearestRounding::floor:
            return "floor";
        case kernels::NearestRounding::ceil:
            return "ceil";
    }
    return {};
}

void write_resize(OnnxWriter& writer, const Node& node, const Resize& op) {
    const Buffer &src = writer.graph().map(node.src), &dst = writer.graph().map(node.dst);
    const auto scaled = [](float scale, std::int64_t in, std::int64_t out) {  // whatever precision a runtime takes
        return static_cast<std::int64_t>(scale * static_cast<float>(in)) == out &&
               static_cast<std::int64_t>(double{scale} * static_cast<double>(in)) == out;
    };
    Attributes attributes{{"mode", std::string(op.kind == kernels::ResizeKind::nearest ? "nearest" : "linear")},
                          {"coordinate_transformation_mode", coordinates_name(op.coordinates)}};
    if (op.kind == kernels::ResizeKind::nearest) attributes["nearest_mode"] = rounding_name(op.rounding);
    Names inputs{writer.read(node.src), ""};
    if (scaled(op.scale_h, src.h, dst.h) && scaled(op.scale_w, src.w, dst.w)) {
        inputs.push_back(writer.floats("scales", {1, 1, op.scale_h, op.scale_w}, {4}));
        return writer.write(node.dst, writer.add("Resize", std::move(inputs), std::move(attributes)));
    }
    // Extents that are no rounding of the scales: with the number of images, which only the model's run knows.
    const std::string shape = writer.add("Shape", {inputs[0]}, {}, "shape");
    const std::string images =
        writer.add("Slice", {shape, writer.integers("first", {0}), writer.integers("second", {1})}, {}, "images");
    inputs.emplace_back();
    inputs.push_back(writer.add("Concat", {images, writer.integers("extents", {node.dst.c, dst.h, dst.w})},
                                {{"axis", std::int64_t{0}}}, "sizes"));
    writer.write(node.dst, writer.add("Resize", std::move(inputs), std::move(attributes)));
}

constexpr ExportEntry kShapesEntries[] = {
    export_entry<Rearrange, write_rearrange>(),
    export_entry<Pad, write_pad>(),
    export_entry<Resize, write_resize>(),
};

}  // namespace

std::span<const ExportEntry> shape_exports() { return kShapesEntries; }

}  // namespace keel::graph
