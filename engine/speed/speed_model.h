// A model, not a measurement: what a step would take on a node, from the work that a recording of it lists (kernels,
// layers, bytes moved), the plans that the kernels would follow there, and the node's published rates.
#pragma once

#include <string>
#include <vector>

#include "engine/speed/conv_cycles.h"
#include "engine/speed/node.h"
#include "kernels/profile.h"

namespace keel::speed {

struct ModelOptions {
    std::int64_t threads = 1;
    bool training = false;           ///< else weights were prepared beforehand
    Numbers numbers = Numbers::f32;  ///< of most maps
};

/// One span of work. Seconds are the team's.
struct ModelledSpan {
    std::string kind, layer;
    profile::Pass pass = profile::Pass::forward;
    profile::Cost cost;
    double compute = 0, memory = 0, overhead = 0;
    double seconds = 0;
    double measured = 0;  ///< seconds that the recording has for it
    // Of convolutions:
    std::string algorithm;    ///< empty: none
    double share = 1;         ///< of the team that works
    std::int64_t chunks = 0;  ///< pieces that the team divides
    double peak = 0;          ///< seconds at the published rate
};

struct ModelledStep {
    std::vector<ModelledSpan> spans;  ///< in the order of the recording
    double seconds = 0, measured = 0;
};

/// Models the spans of the recording's first thread, which are those of `steps` equal steps of an engine whose maps are
/// as `options` say. What was measured of a span is the least of the steps. Throws UsageError for steps that differ.
ModelledStep model_step(const profile::Recording& recording, int steps, const Node& node, const ModelOptions& options);

/// Returns the recording of a step of `n` images as those of fewer and of more images let it be drawn as a line: what
/// its spans compute and move. Throws UsageError where the two have different spans.
profile::Recording drawn_to(const profile::Recording& fewer, std::int64_t n_fewer, const profile::Recording& more,
                            std::int64_t n_more, std::int64_t n);

}  // namespace keel::speed
