// Post-training quantization: a quantized graph of one of floats, from some images without labels. docs/quantization.md
// has the arithmetic.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/quantize/quantize_graph.h"

namespace keel {

struct QuantizeOptions {
    std::optional<RangeMethod> method{};  ///< none: the one that serves held-out images best
    std::vector<std::string> keep{};      ///< names of layers to leave in fp32
    int keep_worst = 0;                   ///< and so many of the layers that lose most
    double keep_below = 15;               ///< and those whose own signal to noise in int8 is less, in decibels; 0: none
    bool correct_bias = true;
};

struct LayerReport {
    std::string name;
    Arithmetic arithmetic;
    double snr_db;      ///< of its result beside that of fp32, with all that the layers before lost, on held-out images
    double own_snr_db;  ///< with what it lost itself; NaN where keep_below is 0
};

/// A layer that is left in fp32 because eight bits are too coarse for it.
struct Fallback {
    std::string name;
    double snr_db;  ///< its own in int8, whatever the layers before lost
};

/// A layer some of whose channels were one number on all images, so that nobody knows what others make of them.
struct DeadChannels {
    std::string name;
    std::int64_t dead, channels;
};

struct QuantizeReport {
    struct Candidate {
        RangeMethod method;
        double error;  ///< mean square of the logits' difference on held-out images, as a share of the logits' variance
    };
    RangeMethod method = RangeMethod::minmax;
    std::vector<Candidate> candidates;  ///< in the order they were tried
    std::vector<LayerReport> layers;    ///< in the order of their running
    std::vector<Fallback> fallbacks;    ///< likewise; a map that is too coarse takes the layers at its other end along
    std::vector<DeadChannels> dead;     ///< convolutions with some, in the order of their running
    std::vector<std::string> warnings;  ///< what is doubtful about the images or the result, for people
    double logits_error = 0;            ///< as above, of the graph handed out
    bool same_on_every_isa = false;     ///< the graph handed out gives the same bits: no layer multiplies in fp32
    std::int64_t images = 0, held_out = 0;
};

struct Quantized {
    graph::Graph graph;
    QuantizeReport report;
};

/// Returns the quantized graph and what was found on the way. `batches`: images {n, h, w, c}; the last quarter of them,
/// one at least, is held out to choose by. Throws UsageError for fewer than two batches, or a name in `keep` that no
/// layer has; InputError where an activation is not finite, where the images do not vary
/// (graph/quantize/variation.h), or the model's answers to those held out do not. `progress` hears of each pass.
Quantized quantize(const graph::Graph& floats, std::span<const Tensor> batches, const QuantizeOptions& options,
                   const std::function<void(const std::string& pass)>& progress = {});

}  // namespace keel
