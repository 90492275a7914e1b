#include "graph/ops/rearrange.h"

#include "graph/bf16_maps.h"
#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

/// In files: size, pixel stride, channel stride of one axis after the other.
void axes_field(Archive& archive, const std::string& name, std::vector<RearrangeAxis>& axes) {
    std::vector<std::int64_t> numbers;
    for (const RearrangeAxis& axis : axes)
        numbers.insert(numbers.end(), {axis.size, axis.pixel_stride, axis.channel_stride});
    archive.integers(name, numbers);
    if (numbers.size() % 3 != 0)
        throw InputError("wanted three numbers for each axis of " + name + ", got " + std::to_string(numbers.size()));
    axes.clear();
    for (std::size_t i = 0; i < numbers.size(); i += 3) axes.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
}

/// The least and the greatest index that axes reach.
struct Reach {
    std::int64_t least, greatest;
    bool counted = true;  ///< 64 bits were enough

    void add(std::int64_t size, std::int64_t stride) {
        std::int64_t last = 0;
        std::int64_t& end = stride < 0 ? least : greatest;
        counted =
            counted && !__builtin_mul_overflow(size - 1, stride, &last) && !__builtin_add_overflow(end, last, &end);
    }
    bool inside(std::int64_t count) const { return counted && least >= 0 && greatest < count; }
};

/// Returns whether the sizes multiply to `elements`.
bool sizes_make(const std::vector<RearrangeAxis>& axes, std::int64_t elements) {
    std::int64_t product = 1;
    for (const RearrangeAxis& axis : axes)
        if (axis.size < 1 || __builtin_mul_overflow(product, axis.size, &product)) return false;
    return product == elements;
}

}  // namespace

void Rearrange::fields(Archive& archive) {
    axes_field(archive, "pixel_axes", pixel_axes);
    axes_field(archive, "channel_axes", channel_axes);
    std::vector<std::int64_t> first{first_pixel, first_channel};
    archive.integers("first", first);
    if (first.size() != 2)
        throw InputError("wanted a pixel and a channel as first, got " + std::to_string(first.size()));
    first_pixel = first[0];
    first_channel = first[1];
}

void Rearrange::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(std::ssize(pixel_axes) <= kMostAxes && std::ssize(channel_axes) <= kMostAxes, "sixteen axes at most");
    node.require(sizes_make(pixel_axes, node.dst().h * node.dst().w), "pixel axes that make up dst's pixels");
    node.require(sizes_make(channel_axes, node.node().dst.c), "channel axes that make up dst's channels");
    Reach pixels{first_pixel, first_pixel}, channels{first_channel, first_channel};
    for (const auto* axes : {&pixel_axes, &channel_axes})
        for (const RearrangeAxis& axis : *axes) {
            pixels.add(axis.size, axis.pixel_stride);
            channels.add(axis.size, axis.channel_stride);
        }
    node.require(pixels.inside(node.src().h * node.src().w), "axes that stay among src's pixels");
    node.require(channels.inside(node.node().src.c), "axes that stay among src's channels");
}

void Rearrange::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const kernels::RearrangeGeometry g{
        memory.n(),   memory.pixels(node.src) / memory.n(), src.ld, dst.ld, pixel_axes, channel_axes, first_pixel,
        first_channel};
    with_elements(dst.type, [&]<class T>(T) {
        kernels::rearrange(g, static_cast<const T*>(src.data), static_cast<T*>(dst.data));
    });
}

bool Rearrange::takes_bf16(const Graph& graph, const Node& node) const { return all_bf16(graph, node); }

}  // namespace keel::graph
