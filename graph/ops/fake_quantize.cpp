#include "graph/ops/fake_quantize.h"

#include <algorithm>
#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/eltwise/channelwise.h"
#include "kernels/error.h"

namespace keel::graph {

void FakeQuantize::fields(Archive& archive) {
    archive.numbers("scale", scale);
    archive.integers("zero", zero);
    std::vector<std::int64_t> range{low, high};
    archive.integers("range", range);
    if (range.size() != 2) throw InputError("wanted two numbers as range, got " + std::to_string(range.size()));
    low = range[0];
    high = range[1];
}

void FakeQuantize::check(const NodeCheck& node) const {
    constexpr std::int64_t kMost = 1 << 16;
    node.require_floats();
    node.require_same_extents();
    node.require((scale.size() == 1 || std::ssize(scale) == node.node().src.c) && zero.size() == scale.size(),
                 "a scale and a zero, or one of each channel");
    node.require(std::ranges::all_of(scale, [](float s) { return std::isfinite(s) && s > 0; }),
                 "finite scales above 0");
    node.require(-kMost <= low && low < high && high <= kMost, "a range of whole numbers within 2^16");
    node.require(std::ranges::all_of(zero, [&](std::int64_t z) { return low <= z && z <= high; }),
                 "zeros within the range");
}

void FakeQuantize::run(const Node& node, const RunMemory& memory) const {
    std::vector<kernels::FakeQuantization> parameters;
    for (std::size_t i = 0; i < scale.size(); ++i)
        parameters.push_back({scale[i], static_cast<float>(low - zero[i]), static_cast<float>(high - zero[i])});
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::fake_quantize({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.floats(), parameters.data(),
                           scale.size() == 1 ? 0 : 1, dst.floats());
}

}  // namespace keel::graph
