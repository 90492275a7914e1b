#include "engine/speed/speed_model.h"

#include <algorithm>
#include <string_view>

#include "engine/profile_summary.h"

namespace keel::speed {
namespace {

using kernels::ConvPass;

/// Of the time that memory takes a convolution, what its products do not hide: fetching ahead never fits exactly.
constexpr double kUnhidden = 0.3;

ConvPass pass_of(std::string_view kind, const ModelOptions& options) {
    if (kind == "qconv") return ConvPass::quantized;
    if (kind.starts_with("conv2d_backward_data")) return ConvPass::backward_data;
    if (kind.starts_with("conv2d_backward_weights")) return ConvPass::backward_weights;
    return options.training ? ConvPass::forward : ConvPass::infer;
}

class Model {
public:
    Model(const Node& node, const ModelOptions& options, double weights_bytes)
        : node_(node),
          options_(options),
          cores_(static_cast<double>(std::min<std::int64_t>(options.threads, node.cores))),
          hertz_(1e9 * node.ghz),
          weights_bytes_(weights_bytes) {}

    void add(const profile::Record& record, ModelledSpan& span) const {
        span.overhead = 1e-6 * node_.loose_us;
        if (record.cost.conv) return convolution(span);
        if (record.cost.bytes == 0 && record.cost.flops == 0) {
            span.seconds = span.overhead;
            return;
        }
        span.overhead += 1e-6 * region();
        span.memory = moved(record.cost.bytes, record.cost.bytes);
        const double vectors = record.cost.flops / node_.lanes();
        span.compute = vectors / node_.rates.sums / hertz_ / cores_;
        if (span.kind == "gemm") span.compute = record.cost.flops / node_.rates.f32 / 0.7 / hertz_ / cores_;
        span.seconds = std::max(span.memory, span.compute) + span.overhead;
    }

private:
    double region() const { return options_.threads > 1 ? node_.region_us : 0.1; }

    /// Seconds that the team takes to move `bytes`, which come from the nearest memory that holds `held` bytes.
    double moved(double bytes, double held) const {
        const double memory = 1e9 * std::min(cores_ * node_.core_gbs, node_.node_gbs);
        const double l2 = cores_ * node_.rates.l2_bytes * hertz_, l3 = cores_ * node_.rates.l3_bytes * hertz_;
        const double near = std::clamp(node_.l2 * cores_ / 2 / held, 0.0, 1.0);
        const double mid = std::clamp(node_.l3 / 2 / held, near, 1.0);
        return bytes * (near / l2 + (mid - near) / l3 + (1 - mid) / memory);
    }

    void convolution(ModelledSpan& span) const {
        const kernels::Conv2dGeometry& g = span.cost.conv->geometry;
        const ConvPass pass = pass_of(span.kind, options_);
        const kernels::ConvTeam team{node_.isa, options_.threads, span.cost.conv->sinks};
        const kernels::ConvDivision division = kernels::divide_conv(g, pass, team);
        const ConvCycles cycles = conv_cycles(node_, g, pass, team, options_.numbers);
        span.algorithm = name_of(division.algorithm);
        span.share = division.share(options_.threads);
        span.chunks = division.chunks;
        span.peak = cycles.peak / hertz_ / static_cast<double>(options_.threads);
        const double working = static_cast<double>(options_.threads) * span.share * hertz_;
        span.compute = (cycles.products + cycles.other) / working;
        const double weights = static_cast<double>(g.weights_elements()) *
                               (options_.numbers == Numbers::int8 ? 1.0 : double{sizeof(float)});
        const double maps = std::max(0.0, span.cost.bytes - weights);
        const double wide = kernels::ConvAlgorithm::winograd == division.algorithm ? 16.0 / 9 : 1;
        span.memory = moved(maps, maps) + moved(weights * wide, weights_bytes_);
        span.overhead += 1e-6 * region() * (options_.training ? 2 : 1);
        span.seconds =
            std::max(span.compute, span.memory) + kUnhidden * std::min(span.compute, span.memory) + span.overhead;
    }

    const Node& node_;
    const ModelOptions& options_;
    double cores_, hertz_, weights_bytes_;
};

}  // namespace

ModelledStep model_step(const profile::Recording& step, const Node& node, const ModelOptions& options) {
    double weights = 0;
    for (const profile::Record& record : step.records)
        if (record.cost.conv && pass_of(record.kind, options) != ConvPass::backward_data &&
            pass_of(record.kind, options) != ConvPass::backward_weights)
            weights += static_cast<double>(record.cost.conv->geometry.weights_elements()) *
                       (options.numbers == Numbers::int8 ? 1.0 : 4.0);
    const Model model(node, options, weights);
    ModelledStep result;
    for (const profile::OwnRecord& own : profile::own_records(step)) {
        const profile::Record& record = *own.record;
        ModelledSpan span;
        span.kind = record.kind;
        span.layer = step.layers.at(static_cast<std::size_t>(record.place.layer));
        span.pass = record.place.pass;
        span.cost = record.cost;
        span.measured = own.seconds;
        model.add(record, span);
        result.seconds += span.seconds;
        result.spans.push_back(std::move(span));
    }
    return result;
}

}  // namespace keel::speed
