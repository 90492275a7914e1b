#include "graph/runtime.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "graph/bf16_maps.h"
#include "graph/converted_step.h"
#include "graph/run_memory.h"
#include "kernels/error.h"
#include "kernels/profile.h"

namespace keel {

Runtime::Runtime(graph::Graph graph, std::int64_t batch, Precision precision) : graph_(std::move(graph)) {
    if (precision == Precision::bf16) {
        refusal_ = graph::use_bf16_maps(graph_);
        if (refusal_.empty()) in_f32_.emplace();
    }
    plan_ = plan_memory(memory_uses(graph_), 64);
    for (graph::Node& node : graph_.nodes) {
        const bool halves = graph::touches_bf16(graph_, node), as_it_is = !halves || node.op.takes_bf16(graph_, node);
        if (in_f32_ && !(halves && as_it_is)) in_f32_->push_back(node.name);
        steps_.push_back(as_it_is ? node.op.prepare(graph_, node, batch) : graph::converted(graph_, node, batch));
    }
}

void Runtime::set_shift(std::size_t step, const std::vector<float>& shift) {
    if (step >= steps_.size() || !steps_[step]->set_shift(shift))
        throw UsageError("[runtime] set_shift: node " + std::to_string(step) + " has no shift of " +
                         std::to_string(shift.size()) + " channels");
}

void Runtime::run(std::int64_t n, const float* src, float* dst, const Watch& watch,
                  std::vector<SpoiledImage>* spoiled) const {
    const Tensor activations = Tensor::empty({n * plan_.size}, DType::u8);
    std::vector<SpoiledImage> found;
    const graph::RunMemory memory(graph_, plan_, n, src, dst, activations.data<std::uint8_t>(), &found);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
        const graph::Node& node = graph_.nodes[i];
        const profile::Layer layer(node.name);
        if (watch.before) watch.before(i, memory.first(node.src), memory.ld(node.src));
        steps_[i]->run(node, memory);
        if (watch.after) watch.after(i, memory.first(node.dst), memory.ld(node.dst));
    }
    if (found.empty()) return;
    std::ranges::sort(found, {}, &SpoiledImage::image);
    const std::int64_t result = graph_.map(graph_.dst).elements();
    for (const SpoiledImage& one : found)
        std::fill_n(dst + one.image * result, result, std::numeric_limits<float>::quiet_NaN());
    if (spoiled == nullptr)
        throw InputError("[runtime] image " + std::to_string(found.front().image + 1) + " of " + std::to_string(n) +
                         ": " + found.front().node + " reads NaN or infinity, which no quantized value stands for");
    *spoiled = std::move(found);
}

}  // namespace keel
