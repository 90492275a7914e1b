#include "graph/quantize/calibration.h"

#include <algorithm>

#include "kernels/eltwise/eltwise.h"
#include "kernels/parallel.h"

namespace keel {
namespace {

bool is_max_pool(const graph::Node& node) {
    const auto* pool = std::get_if<graph::Pool>(&node.op);
    return pool != nullptr && pool->kind == graph::PoolKind::max && !pool->before;
}

}  // namespace

void ChannelHistograms::add(const float* first, std::int64_t pixels, std::int64_t c, std::int64_t ld) {
    if (of.size() > 1) {
        parallel_for(c, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) of[static_cast<std::size_t>(i)].add(first + i, pixels, ld);
        });
    } else if (ld == c) {
        of[0].add(first, pixels * c);
    } else {
        for (std::int64_t p = 0; p < pixels; ++p) of[0].add(first + p * ld, c);
    }
}

std::vector<bool> coded_by_channel(const graph::Graph& graph) {
    std::vector<bool> by_channel(graph.buffers.size());
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
        const auto src = static_cast<std::size_t>(node->src.buffer), dst = static_cast<std::size_t>(node->dst.buffer);
        if (before_of(*node) != nullptr || (is_max_pool(*node) && by_channel[dst])) by_channel[src] = true;
    }
    return by_channel;
}

const graph::Affine* before_of(const graph::Node& node) {
    if (const auto* conv = std::get_if<graph::Conv>(&node.op)) return conv->before ? &*conv->before : nullptr;
    if (const auto* pool = std::get_if<graph::Pool>(&node.op)) return pool->before ? &*pool->before : nullptr;
    return nullptr;
}

void read_through(const graph::Affine& before, const float* src, std::int64_t pixels, std::int64_t c, std::int64_t ld,
                  std::vector<float>& dst) {
    dst.resize(static_cast<std::size_t>(pixels * c));
    kernels::affine_forward({pixels, c, ld, c}, src, before.scale.data(), before.shift.data(), before.relu, dst.data());
}

Calibration calibrate(const Runtime& floats, std::span<const Tensor> batches) {
    const graph::Graph& graph = floats.graph();
    const std::vector<bool> by_channel = coded_by_channel(graph);
    Calibration calibration;
    for (const graph::Node& node : graph.nodes) {
        NodeCalibration& statistics = calibration.nodes.emplace_back();
        statistics.dst.of.resize(by_channel[static_cast<std::size_t>(node.dst.buffer)] ? static_cast<std::size_t>(node.dst.c) : 1);
        if (before_of(node) != nullptr) statistics.before_square.resize(static_cast<std::size_t>(node.src.c));
    }
    std::int64_t n = 0, images = 0;
    std::vector<float> through;
    const auto pixels = [&](const graph::Value& value) { return n * graph.map(value).h * graph.map(value).w; };
    const auto named = [&](std::size_t step, const auto& body) {
        try {
            body(graph.nodes[step], calibration.nodes[step]);
        } catch (const InputError& error) {
            throw InputError(error.what() + std::string(" at ") + graph.nodes[step].name);
        }
    };
    Watch watch;
    watch.before = [&](std::size_t step, const void* first, std::int64_t ld) {
        named(step, [&](const graph::Node& node, NodeCalibration& statistics) {
            const graph::Affine* before = before_of(node);
            if (before == nullptr) return;
            const std::int64_t c = node.src.c, rows = pixels(node.src);
            read_through(*before, static_cast<const float*>(first), rows, c, ld, through);
            statistics.before.add(through.data(), rows * c);
            parallel_for(c, 16, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t p = 0; p < rows; ++p)
                    for (std::int64_t i = begin; i < end; ++i) {
                        const double value = through[static_cast<std::size_t>(p * c + i)];
                        statistics.before_square[static_cast<std::size_t>(i)] += value * value;
                    }
            });
        });
    };
    watch.after = [&](std::size_t step, const void* first, std::int64_t ld) {
        named(step, [&](const graph::Node& node, NodeCalibration& statistics) {
            statistics.dst.add(static_cast<const float*>(first), pixels(node.dst), node.dst.c, ld);
        });
    };
    for (const Tensor& batch : batches) {
        n = batch.dim(0);
        images += n;
        calibration.images.add(batch.data<float>(), batch.elements());
        const Tensor logits = Tensor::empty({n, graph.dst.c});
        floats.run(n, batch.data<float>(), logits.data<float>(), watch);
    }
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        const graph::Buffer& map = graph.map(graph.nodes[i].src);
        for (double& square : calibration.nodes[i].before_square) square /= static_cast<double>(images * map.h * map.w);
    }
    return calibration;
}

}  // namespace keel
