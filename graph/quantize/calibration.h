// What one pass of images through a graph of floats tells about its activations.
#pragma once

#include <span>
#include <vector>

#include "graph/quantize/histogram.h"
#include "graph/runtime.h"

namespace keel {

/// Values of an activation: of each channel, or of all together.
struct ChannelHistograms {
    std::vector<Histogram> of;  ///< one, or one for each channel

    void add(const float* first, std::int64_t pixels, std::int64_t c, std::int64_t ld);
};

/// The ends of the values of one channel.
struct ChannelEnds {
    float low = 0, high = 0;
};

struct NodeCalibration {
    ChannelHistograms dst;
    std::vector<ChannelEnds> ends;        ///< of each channel of dst
    Histogram prologue;                   ///< what the prologue makes of src, where the node has one
    std::vector<double> prologue_square;  ///< its mean square, channel by channel
};

struct Calibration {
    Histogram images;
    std::vector<NodeCalibration> nodes;
};

/// Returns of each buffer whether it is quantized with a scale for each channel: where a batch norm reads it, which has
/// one for each channel itself, and what such a buffer is pooled from.
std::vector<bool> quantized_by_channel(const graph::Graph& graph);

/// Returns whether the quantized form of a node of floats hands values on as they are: a maximum without prologue.
bool keeps_quantized(const graph::Node& node);

/// Returns how many channels of a node's result were one number throughout.
std::int64_t dead_channels(const NodeCalibration& node);

/// Makes prologue(src), channel by channel: dense [pixels, c].
void run_prologue(const graph::Prologue& prologue, const float* src, std::int64_t pixels, std::int64_t c,
                  std::int64_t ld, std::vector<float>& dst);

/// Runs the batches. Throws InputError that names a node whose activations are not finite.
Calibration calibrate(const Runtime& floats, std::span<const Tensor> batches);

}  // namespace keel
