#include "engine/speed/speed_model.h"

#include <algorithm>
#include <string_view>

#include "engine/profile_summary.h"
#include "kernels/error.h"

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

/// Vector instructions for each vector of values that a kernel reads or writes, of f32 (or bytes) and of bf16: measured
/// on a Zen 4 with each kernel alone, in the second-level cache.
struct Vectors {
    std::string_view kind;
    double floats, halves;
};

const Vectors& vectors_of(std::string_view kind) {
    static constexpr Vectors kAny{"", 2.7, 5};
    static constexpr Vectors kAll[] = {{"batch_norm_backward", 5.9, 7.3}, {"batch_norm_join_backward", 3.7, 5.6},
                                       {"batch_norm_statistics", 7, 9},   {"max_pool_forward", 12.5, 16.5},
                                       {"max_pool_backward", 22, 27},     {"avg_pool_forward", 5, 6.6},
                                       {"avg_pool_backward", 7.6, 13},    {"quant_pool", 6, 6},
                                       {"sgd_update", 1.2, 1.2},          {"all_finite", 1, 1},
                                       {"accumulate", 1.4, 4.1}};
    const auto* found = std::ranges::find(kAll, kind, &Vectors::kind);
    return found == std::end(kAll) ? kAny : *found;
}

/// What the engine does around a span of a kernel, and in one of its own: of a Zen 4 at 3.7 GHz.
constexpr double kSpanMicroseconds = 0.3, kInferMicroseconds = 3.5, kTrainMicroseconds = 12, kMeasuredGhz = 3.7;
/// A stream of maps reaches so much of the bandwidth of the triad.
constexpr double kMapsShare = 0.8;

double bytes_of_weight(const ModelOptions& options) { return options.numbers == Numbers::int8 ? 1 : sizeof(float); }

class Model {
public:
    Model(const Node& node, const ModelOptions& options, double weights_bytes)
        : node_(node),
          options_(options),
          cores_(static_cast<double>(std::min<std::int64_t>(options.threads, node.cores))),
          hertz_(1e9 * node.ghz),
          weights_bytes_(weights_bytes) {}

    void add(const profile::Record& record, ModelledSpan& span) const {
        span.overhead = 1e-6 * (record.kind == std::string_view(profile::kEngine) ? engine_us() : kSpanMicroseconds);
        if (record.cost.conv) return convolution(span);
        if (record.cost.bytes == 0 && record.cost.flops == 0) {
            span.seconds = span.overhead;
            return;
        }
        span.overhead += 1e-6 * region();
        span.memory = moved(record.cost.bytes, record.cost.bytes);
        const Vectors& of = vectors_of(span.kind);
        const bool halves = options_.numbers == Numbers::bf16;
        const double value = options_.numbers == Numbers::int8 ? 1 : halves ? 2 : sizeof(float);
        span.compute = record.cost.bytes / value / node_.lanes() * (halves ? of.halves : of.floats) / node_.rates.sums /
                       hertz_ / cores_;
        if (span.kind == "gemm") span.compute = record.cost.flops / node_.rates.f32 / 0.7 / hertz_ / cores_;
        span.seconds = std::max(span.memory, span.compute) + span.overhead;
    }

private:
    double engine_us() const {
        return (options_.training ? kTrainMicroseconds : kInferMicroseconds) * kMeasuredGhz / node_.ghz;
    }
    double region() const { return options_.threads > 1 ? node_.region_us : 0.1; }

    /// Seconds that the team takes to move `bytes`, which come from the nearest memory that holds `held` bytes.
    double moved(double bytes, double held) const {
        const double memory = kMapsShare * 1e9 * std::min(cores_ * node_.core_gbs, node_.node_gbs);
        const double l2 = cores_ * node_.rates.l2_bytes * hertz_, l3 = cores_ * node_.rates.l3_bytes * hertz_;
        const double near = std::clamp(node_.l2 * cores_ / 2 / held, 0.0, 1.0);
        const double mid = std::clamp(node_.l3 / 2 / held, near, 1.0);
        return bytes * (near / l2 + (mid - near) / l3 + (1 - mid) / memory);
    }

    void convolution(ModelledSpan& span) const {
        const kernels::Conv2dGeometry& g = span.cost.conv->geometry;
        const ConvPass pass = pass_of(span.kind, options_);
        const bool own = kernels::conv_algorithm(g, pass, node_.isa) != kernels::ConvAlgorithm::onednn;
        const kernels::ConvTeam team{node_.isa, options_.threads, span.cost.conv->sinks,
                                     own && options_.numbers == Numbers::bf16};
        const kernels::ConvDivision division = kernels::divide_conv(g, pass, team);
        const ConvCycles cycles = conv_cycles(node_, g, pass, team, options_.numbers);
        span.algorithm = name_of(division.algorithm);
        span.share = division.share(options_.threads);
        span.chunks = division.chunks;
        span.peak = cycles.peak / hertz_ / static_cast<double>(options_.threads);
        const double working = static_cast<double>(options_.threads) * span.share * hertz_;
        span.compute = (cycles.products + cycles.other) / working;
        const double weights = static_cast<double>(g.weights_elements()) * bytes_of_weight(options_);
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

/// Returns the bytes of the weights of all convolutions that one step reads.
double weights_bytes(const std::vector<profile::OwnRecord>& records, std::size_t count, const ModelOptions& options) {
    double elements = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const profile::Record& record = *records[i].record;
        if (!record.cost.conv) continue;
        const ConvPass pass = pass_of(record.kind, options);
        if (pass == ConvPass::backward_data || pass == ConvPass::backward_weights) continue;
        elements += static_cast<double>(record.cost.conv->geometry.weights_elements());
    }
    return elements * bytes_of_weight(options);
}

}  // namespace

ModelledStep model_step(const profile::Recording& recording, int steps, const Node& node, const ModelOptions& options) {
    const std::vector<profile::OwnRecord> records = profile::own_records(recording);
    const std::size_t count = records.size() / static_cast<std::size_t>(steps);
    const Model model(node, options, weights_bytes(records, count, options));
    ModelledStep result;
    for (std::size_t i = 0; i < count; ++i) {
        const profile::Record& record = *records[i].record;
        ModelledSpan span;
        span.kind = record.kind;
        span.layer = recording.layers.at(static_cast<std::size_t>(record.place.layer));
        span.pass = record.place.pass;
        span.cost = record.cost;
        span.measured = records[i].seconds;
        for (std::size_t same = i; same < records.size(); same += count) {
            if (records[same].record->kind != record.kind || records.size() % count != 0)
                throw UsageError("[model of speed] wanted steps of the same work, got some that differ");
            span.measured = std::min(span.measured, records[same].seconds);
        }
        model.add(record, span);
        result.seconds += span.seconds;
        result.measured += span.measured;
        result.spans.push_back(std::move(span));
    }
    return result;
}

profile::Recording drawn_to(const profile::Recording& fewer, std::int64_t n_fewer, const profile::Recording& more,
                            std::int64_t n_more, std::int64_t n) {
    profile::Recording result = more;
    const bool same = std::ranges::equal(fewer.records, more.records, [](const auto& a, const auto& b) {
        return a.kind == b.kind && a.place.layer == b.place.layer && a.thread == b.thread;
    });
    if (!same) throw UsageError("[model of speed] wanted steps of the same work for any batch, got some that differ");
    const double along = static_cast<double>(n - n_fewer) / static_cast<double>(n_more - n_fewer);
    const auto draw = [&](double from, double to) { return from + along * (to - from); };
    for (std::size_t i = 0; i < result.records.size(); ++i) {
        profile::Cost& cost = result.records[i].cost;
        cost.flops = draw(fewer.records[i].cost.flops, cost.flops);
        cost.bytes = draw(fewer.records[i].cost.bytes, cost.bytes);
        if (cost.conv) cost.conv->geometry.n = cost.conv->geometry.n * n / n_more;
    }
    return result;
}

}  // namespace keel::speed
