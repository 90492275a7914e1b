#include "graph/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>

#include "graph/ops/conv.h"
#include "graph/quantize/correct.h"
#include "graph/quantize/variation.h"
#include "kernels/error.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

/// Images that biases are corrected and layers judged by.
constexpr std::int64_t kCorrected = 32, kJudged = 8;

Tensor logits_of(const Runtime& runtime, std::span<const Tensor> batches) {
    std::int64_t n = 0;
    for (const Tensor& batch : batches) n += batch.dim(0);
    const Tensor logits = Tensor::empty({n, runtime.graph().dst.c});
    float* to = logits.data<float>();
    for (const Tensor& batch : batches) {
        runtime.run(batch.dim(0), batch.data<float>(), to);
        to += batch.dim(0) * runtime.graph().dst.c;
    }
    return logits;
}

/// Returns the mean square of the difference, as a share of the truth's variance over the images.
double relative_error(const Tensor& values, const Tensor& truth) {
    const std::int64_t n = truth.dim(0), c = truth.dim(1);
    double noise = 0, variance = 0;
    for (std::int64_t i = 0; i < c; ++i) {
        double sum = 0, squares = 0;
        for (std::int64_t r = 0; r < n; ++r) {
            const double t = truth.data<float>()[r * c + i], d = values.data<float>()[r * c + i] - t;
            noise += d * d;
            sum += t;
            squares += t * t;
        }
        variance += squares - sum * sum / static_cast<double>(n);
    }
    return noise / std::max(variance, 1e-30);
}

/// Throws InputError where nothing can be compared with what a model of floats answers.
void require_answers_vary(const Tensor& truth) {
    if (!kernels::all_finite(truth.elements(), truth.data<float>()))
        throw InputError("[quantize] the model answers NaN or infinity to an image");
    const std::int64_t n = truth.dim(0), c = truth.dim(1);
    const float* first = truth.data<float>();
    if (n > 1 && std::equal(first + c, first + n * c, first))
        throw InputError("[quantize] the model answers the same to all " + std::to_string(n) +
                         " images held out: there is nothing to compare its int8 form by");
}

/// Returns the first `most` images of the batches in one.
Tensor first_images(std::span<const Tensor> batches, std::int64_t most) {
    std::int64_t n = 0;
    for (const Tensor& batch : batches) n += batch.dim(0);
    const Dims& like = batches.front().dims();
    const Tensor images = Tensor::empty({std::min(n, most), like[1], like[2], like[3]});
    const std::int64_t size = like[1] * like[2] * like[3];
    std::int64_t done = 0;
    for (const Tensor& batch : batches) {
        const std::int64_t count = std::min(batch.dim(0), images.dim(0) - done);
        std::copy_n(batch.data<float>(), count * size, images.data<float>() + done * size);
        done += count;
    }
    return images;
}

/// Everything that one quantization works with.
class Quantizer {
public:
    Quantizer(const graph::Graph& floats, std::span<const Tensor> batches, const QuantizeOptions& options,
              const std::function<void(const std::string&)>& progress)
        : graph_(floats),
          options_(options),
          progress_(progress),
          kept_{{options.keep.begin(), options.keep.end()}, {}} {
        if (batches.size() < 2)
            throw UsageError("[quantize] wanted two batches of images at least, got " + std::to_string(batches.size()));
        for (const std::string& name : kept_.names)
            if (std::ranges::none_of(floats.nodes, [&](const graph::Node& node) { return node.name == name; }))
                throw UsageError("[quantize] there is no layer '" + name + "' to keep");
        const std::size_t held = std::max<std::size_t>(1, batches.size() / 4);
        seen_ = batches.first(batches.size() - held);
        held_out_ = batches.last(held);
        batch_ = batches.front().dim(0);
    }

    Quantized run() {
        QuantizeReport report;
        report.warnings = require_variation(seen_, held_out_);
        tell("calibrating");
        const Runtime floats(graph_, batch_);
        const Calibration calibration = calibrate(floats, seen_);
        const Tensor truth = logits_of(floats, held_out_), first = first_images(seen_, kCorrected);
        require_answers_vary(truth);
        find_dead(calibration, report);
        for (const Tensor& batch : seen_) report.images += batch.dim(0);
        report.held_out = truth.dim(0);
        report.method = options_.method ? *options_.method : choose(calibration, truth, report);

        own_snr_.assign(graph_.nodes.size(), std::numeric_limits<double>::quiet_NaN());
        if (options_.keep_below > 0) fall_back(calibration, floats, first_images({&first, 1}, kJudged), report);

        const auto finished = [&] {
            QuantizedGraph quantized = quantize_graph(graph_, calibration, report.method, kept_);
            Runtime runtime(quantized.graph, batch_);
            if (options_.correct_bias) {
                tell("correcting biases");
                correct_bias(graph_, floats, quantized, runtime, first);
            }
            tell("judging layers");
            describe(floats, quantized, runtime, report);
            report.logits_error = relative_error(logits_of(runtime, held_out_), truth);
            return quantized;
        };
        QuantizedGraph quantized = finished();
        if (options_.keep_worst > 0) {
            keep_worst(report);
            quantized = finished();
        }
        report.same_on_every_isa = !graph::multiplies_floats(quantized.graph);
        if (truth.dim(0) > 1 && report.logits_error >= 1)
            report.warnings.push_back(
                "on images held out its answers are further from those of fp32 than these are from each other: it "
                "tells nothing; wanted more images to calibrate with, or layers kept in fp32");
        return {std::move(quantized.graph), std::move(report)};
    }

private:
    void tell(const std::string& pass) const {
        if (progress_) progress_(pass);
    }

    RangeMethod choose(const Calibration& calibration, const Tensor& truth, QuantizeReport& report) const {
        for (const RangeMethod method : kRangeMethods) {
            tell("trying ranges by " + std::string(name(method)));
            const Runtime runtime(quantize_graph(graph_, calibration, method, kept_).graph, batch_);
            report.candidates.push_back({method, relative_error(logits_of(runtime, held_out_), truth)});
        }
        return std::ranges::min_element(report.candidates, {}, &QuantizeReport::Candidate::error)->method;
    }

    /// Leaves what eight bits are too coarse for in floats: a layer, for its weights may be the reason, and where that
    /// does not help a map that it reads or writes.
    void fall_back(const Calibration& calibration, const Runtime& floats, const Tensor& images,
                   QuantizeReport& report) {
        for (bool found = true; found;) {
            tell("looking for layers that eight bits are too coarse for");
            const QuantizedGraph quantized = quantize_graph(graph_, calibration, report.method, kept_);
            const Runtime runtime(quantized.graph, batch_);
            const std::vector<double> own = signal_to_noise(floats, quantized, runtime, images, Loss::own);
            found = false;
            for (std::size_t i = 0; i < own.size(); ++i) {
                if (quantized.nodes[i].completes < 0) continue;
                const auto completes = static_cast<std::size_t>(quantized.nodes[i].completes);
                own_snr_[completes] = own[i];
                if (own[i] >= options_.keep_below) continue;
                const graph::Node& node = graph_.nodes[completes];
                if (kept_.names.insert(node.name).second) {
                    report.fallbacks.push_back({node.name, own[i]});
                    found = true;
                } else {
                    found = keep_map_of(node) || found;
                }
            }
        }
        std::ranges::sort(report.fallbacks, {}, [&](const Fallback& fallback) {
            return std::ranges::find(graph_.nodes, fallback.name, &graph::Node::name) - graph_.nodes.begin();
        });
    }

    /// Keeps one of its maps a round, in this order; false where all are floats already.
    bool keep_map_of(const graph::Node& node) {
        const auto keep = [&](const graph::Value& value) {
            return value.buffer != graph_.src.buffer && value.buffer != graph_.dst.buffer &&
                   kept_.buffers.insert(value.buffer).second;
        };
        bool kept = false;
        for_each_read(node, [&](const graph::Value& value, std::string_view) { kept = kept || keep(value); });
        return kept || keep(node.dst);
    }

    void find_dead(const Calibration& calibration, QuantizeReport& report) const {
        std::int64_t dead = 0;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const graph::Node& node = graph_.nodes[i];
            const std::int64_t of_node = dead_channels(calibration.nodes[i]);
            if (of_node == 0 || node.as<graph::Conv>() == nullptr) continue;
            report.dead.push_back({node.name, of_node, node.dst.c});
            dead += of_node;
        }
        if (dead == 0) return;
        const DeadChannels& most = *std::ranges::max_element(report.dead, {}, &DeadChannels::dead);
        report.warnings.push_back(std::to_string(dead) + " channels of " + std::to_string(report.dead.size()) +
                                  " layers are one number on all images calibrated with (" + most.name + ": " +
                                  std::to_string(most.dead) + " of " + std::to_string(most.channels) +
                                  "): dead, or wanting other images; what others make of them may be lost");
    }

    void describe(const Runtime& floats, const QuantizedGraph& quantized, const Runtime& runtime,
                  QuantizeReport& report) const {
        const Tensor judged = first_images(held_out_, kJudged);
        const std::vector<double> decibels = signal_to_noise(floats, quantized, runtime, judged, Loss::all);
        report.layers.clear();
        for (std::size_t i = 0; i < quantized.nodes.size(); ++i) {
            if (quantized.nodes[i].completes < 0) continue;
            const auto completes = static_cast<std::size_t>(quantized.nodes[i].completes);
            report.layers.push_back(
                {graph_.nodes[completes].name, quantized.nodes[i].arithmetic, decibels[i], own_snr_[completes]});
        }
    }

    /// Keeps the worst of the layers that multiply: what a layer itself loses shows as a fall below the layer before.
    void keep_worst(const QuantizeReport& report) {
        std::vector<std::pair<double, std::string>> falls;
        double before = 60;
        for (const LayerReport& layer : report.layers) {
            const auto node = std::ranges::find(graph_.nodes, layer.name, &graph::Node::name);
            if (layer.arithmetic != Arithmetic::fp32 && node->as<graph::Conv>() != nullptr)
                falls.emplace_back(layer.snr_db - std::min(before, 60.0), layer.name);
            before = layer.snr_db;
        }
        std::ranges::sort(falls);
        for (std::size_t i = 0; i < falls.size() && i < static_cast<std::size_t>(options_.keep_worst); ++i)
            kept_.names.insert(falls[i].second);
    }

    const graph::Graph& graph_;
    const QuantizeOptions& options_;
    const std::function<void(const std::string&)>& progress_;
    KeptFloats kept_;
    std::vector<double> own_snr_;  ///< of each node; NaN where it was not measured
    std::span<const Tensor> seen_, held_out_;
    std::int64_t batch_ = 1;
};

}  // namespace

Quantized quantize(const graph::Graph& floats, std::span<const Tensor> batches, const QuantizeOptions& options,
                   const std::function<void(const std::string&)>& progress) {
    if (std::ranges::any_of(floats.buffers, &graph::Buffer::quantized))
        throw InputError("[quantize] the model is quantized already: wanted the one of floats that it was made of");
    return Quantizer(floats, batches, options, progress).run();
}

}  // namespace keel
