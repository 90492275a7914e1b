#include "graph/converted_step.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tensor.h"
#include "graph/run_memory.h"
#include "kernels/eltwise/eltwise.h"

namespace keel::graph {
namespace {

/// Converted maps that are made at a time.
constexpr std::int64_t kBytes = 2 << 20;

/// The node alone, in a graph of f32: a map of bf16 is a dense one of its channels there, others are as they are.
class ConvertedStep final : public Step {
public:
    ConvertedStep(const Graph& graph, const Node& node, std::int64_t batch) {
        local_.nodes.push_back(node);
        Node& own = local_.nodes.front();
        for_each_read(own, [&](Value& value, std::string_view) { renumber(graph, value, true); });
        renumber(graph, own.dst, false);
        std::int64_t bytes = 0;
        for (std::size_t i = 0; i < outside_.size(); ++i)
            if (outside_[i].halves) bytes += local_.buffers[i].bytes();
        images_ = std::clamp<std::int64_t>(kBytes / bytes, 1, batch);
        step_ = own.op.prepare(local_, own, images_);
    }

    const Op& op() const { return local_.nodes.front().op; }

    void run(const Node& node, const RunMemory& memory) const override {
        std::vector<Tensor> tensors;
        for (std::size_t i = 0; i < outside_.size(); ++i)
            tensors.push_back(outside_[i].halves ? Tensor::empty({images_ * local_.buffers[i].elements()}) : Tensor());
        for (std::int64_t first = 0; first < memory.n(); first += images_)
            run(node, memory, tensors, first, std::min(images_, memory.n() - first));
    }

private:
    /// A value of the whole graph, of which a buffer of this one is what is converted, or the map itself.
    struct Outside {
        Value value;
        bool halves, read;
    };

    void renumber(const Graph& graph, Value& value, bool read) {
        const auto known = std::ranges::find(outside_, value, &Outside::value);
        const auto index = static_cast<int>(known - outside_.begin());
        if (known == outside_.end()) {
            const Buffer& map = graph.map(value);
            outside_.push_back({value, map.halves, false});
            local_.buffers.push_back({map.h, map.w, map.halves ? value.c : map.c});
        }
        Outside& outside = outside_[static_cast<std::size_t>(index)];
        outside.read = outside.read || read;
        value = {index, outside.halves ? 0 : value.first, value.c};
    }

    void run(const Node& node, const RunMemory& memory, const std::vector<Tensor>& tensors, std::int64_t first,
             std::int64_t n) const {
        std::vector<std::byte*> buffers;
        for (std::size_t i = 0; i < outside_.size(); ++i) {
            const Outside& outside = outside_[i];
            if (!outside.halves) {
                const Value whole{outside.value.buffer, 0, outside.value.c};
                buffers.push_back(static_cast<std::byte*>(memory.first(whole, first)));
                continue;
            }
            buffers.push_back(reinterpret_cast<std::byte*>(tensors[i].data<float>()));
            if (outside.read)
                kernels::convert(geometry(memory, i, n, true), halves(memory, i, first), tensors[i].data<float>());
        }
        std::vector<SpoiledImage> spoiled;
        step_->run(local_.nodes.front(), RunMemory(local_, n, std::move(buffers), &spoiled));
        for (const SpoiledImage& one : spoiled) memory.spoil(node, first + one.image);
        const auto dst = static_cast<std::size_t>(local_.nodes.front().dst.buffer);
        if (outside_[dst].halves)
            kernels::convert(geometry(memory, dst, n, false), tensors[dst].data<float>(), halves(memory, dst, first));
    }

    Bf16* halves(const RunMemory& memory, std::size_t i, std::int64_t first) const {
        return static_cast<Bf16*>(memory.first(outside_[i].value, first));
    }
    kernels::UnaryGeometry geometry(const RunMemory& memory, std::size_t i, std::int64_t n, bool reads) const {
        const Buffer& map = local_.buffers[i];
        const std::int64_t ld = memory.ld(outside_[i].value);
        return {n * map.h * map.w, map.c, reads ? ld : map.c, reads ? map.c : ld};
    }

    Graph local_;
    std::vector<Outside> outside_;  ///< of each buffer of it
    std::int64_t images_ = 1;       ///< at a time
    std::unique_ptr<Step> step_;
};

}  // namespace

std::unique_ptr<Step> converted(const Graph& graph, Node& node, std::int64_t batch) {
    auto step = std::make_unique<ConvertedStep>(graph, node, batch);
    Op op = step->op();  // without the weights that it has packed
    if (Value* residual = op.residual()) *residual = *node.op.residual();
    if (Value* operand = op.operand()) *operand = *node.op.operand();
    node.op = std::move(op);
    return step;
}

}  // namespace keel::graph
