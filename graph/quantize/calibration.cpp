#include "graph/quantize/calibration.h"

#include <algorithm>

#include "graph/ops/pool.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/parallel.h"

namespace keel {
namespace {

/// Takes the histograms of a run, batch by batch.
class Calibrator {
public:
    explicit Calibrator(const Runtime& floats) : floats_(floats), graph_(floats.graph()) {
        const std::vector<bool> by_channel = quantized_by_channel(graph_);
        for (const graph::Node& node : graph_.nodes) {
            NodeCalibration& statistics = result_.nodes.emplace_back();
            const bool each = by_channel[static_cast<std::size_t>(node.dst.buffer)];
            statistics.dst.of.resize(each ? static_cast<std::size_t>(node.dst.c) : 1);
            if (node.op.prologue() != nullptr) statistics.prologue_square.resize(static_cast<std::size_t>(node.src.c));
        }
        watch_.before = [this](std::size_t step, const void* first, std::int64_t ld) {
            named(step, [&] { see_prologue(step, static_cast<const float*>(first), ld); });
        };
        watch_.after = [this](std::size_t step, const void* first, std::int64_t ld) {
            const graph::Value& dst = graph_.nodes[step].dst;
            named(step, [&] { result_.nodes[step].dst.add(static_cast<const float*>(first), pixels(dst), dst.c, ld); });
            see_ends(result_.nodes[step].ends, static_cast<const float*>(first), pixels(dst), dst.c, ld);
        };
    }

    void add(const Tensor& batch) {
        n_ = batch.dim(0);
        images_ += n_;
        result_.images.add(batch.data<float>(), batch.elements());
        const Tensor logits = Tensor::empty({n_, graph_.dst.c});
        floats_.run(n_, batch.data<float>(), logits.data<float>(), watch_);
    }

    Calibration result() && {
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const graph::Buffer& map = graph_.map(graph_.nodes[i].src);
            for (double& square : result_.nodes[i].prologue_square)
                square /= static_cast<double>(images_ * map.h * map.w);
        }
        return std::move(result_);
    }

private:
    std::int64_t pixels(const graph::Value& value) const { return n_ * graph_.map(value).h * graph_.map(value).w; }

    template <class Body>
    void named(std::size_t step, const Body& body) const {
        try {
            body();
        } catch (const InputError& error) {
            throw InputError(error.what() + std::string(" at ") + graph_.nodes[step].name);
        }
    }

    static void see_ends(std::vector<ChannelEnds>& ends, const float* first, std::int64_t pixels, std::int64_t c,
                         std::int64_t ld) {
        if (ends.empty())
            for (std::int64_t i = 0; i < c; ++i) ends.push_back({first[i], first[i]});
        parallel_for(c, 16, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t p = 0; p < pixels; ++p)
                for (std::int64_t i = begin; i < end; ++i) {
                    ChannelEnds& of = ends[static_cast<std::size_t>(i)];
                    const float value = first[p * ld + i];
                    of.low = value < of.low ? value : of.low;
                    of.high = value > of.high ? value : of.high;
                }
        });
    }

    void see_prologue(std::size_t step, const float* src, std::int64_t ld) {
        const graph::Node& node = graph_.nodes[step];
        const graph::Prologue* prologue = node.op.prologue();
        if (prologue == nullptr) return;
        NodeCalibration& statistics = result_.nodes[step];
        const std::int64_t c = node.src.c, rows = pixels(node.src);
        run_prologue(*prologue, src, rows, c, ld, read_);
        statistics.prologue.add(read_.data(), rows * c);
        parallel_for(c, 16, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t p = 0; p < rows; ++p)
                for (std::int64_t i = begin; i < end; ++i) {
                    const double value = read_[static_cast<std::size_t>(p * c + i)];
                    statistics.prologue_square[static_cast<std::size_t>(i)] += value * value;
                }
        });
    }

    const Runtime& floats_;
    const graph::Graph& graph_;
    Calibration result_;
    Watch watch_;
    std::vector<float> read_;
    std::int64_t n_ = 0, images_ = 0;
};

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

std::int64_t dead_channels(const NodeCalibration& node) {
    return std::ranges::count_if(node.ends, [](const ChannelEnds& ends) { return ends.low == ends.high; });
}

bool keeps_quantized(const graph::Node& node) {
    const auto* pool = node.as<graph::Pool>();
    return pool != nullptr && pool->kind == graph::PoolKind::max && !pool->prologue;
}

std::vector<bool> quantized_by_channel(const graph::Graph& graph) {
    std::vector<bool> by_channel(graph.buffers.size());
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
        const auto src = static_cast<std::size_t>(node->src.buffer), dst = static_cast<std::size_t>(node->dst.buffer);
        if (node->op.prologue() != nullptr || (keeps_quantized(*node) && by_channel[dst])) by_channel[src] = true;
    }
    return by_channel;
}

void run_prologue(const graph::Prologue& prologue, const float* src, std::int64_t pixels, std::int64_t c,
                  std::int64_t ld, std::vector<float>& dst) {
    dst.resize(static_cast<std::size_t>(pixels * c));
    kernels::affine_forward({pixels, c, ld, c}, src, prologue.scale.data(), prologue.shift.data(), true, dst.data());
}

Calibration calibrate(const Runtime& floats, std::span<const Tensor> batches) {
    Calibrator calibrator(floats);
    for (const Tensor& batch : batches) calibrator.add(batch);
    return std::move(calibrator).result();
}

}  // namespace keel
