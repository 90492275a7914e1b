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

    const Histogram& channel(std::int64_t c) const { return of[of.size() == 1 ? 0 : static_cast<std::size_t>(c)]; }
    void add(const float* first, std::int64_t pixels, std::int64_t c, std::int64_t ld);
};

struct NodeCalibration {
    ChannelHistograms dst;
    Histogram before;                   ///< of what `before` makes of src, where the node has one
    std::vector<double> before_square;  ///< its mean square, channel by channel
};

struct Calibration {
    Histogram images;
    std::vector<NodeCalibration> nodes;
};

/// Whether codes of a buffer have a scale for each channel: where a batch norm reads them, which has one for each channel itself,
/// and in what such a buffer is pooled from.
std::vector<bool> coded_by_channel(const graph::Graph& graph);

/// The `before` of a convolution or pool of floats; null where there is none.
const graph::Affine* before_of(const graph::Node& node);

/// before(src), channel by channel: dense [pixels, c].
void read_through(const graph::Affine& before, const float* src, std::int64_t pixels, std::int64_t c, std::int64_t ld,
                  std::vector<float>& dst);

/// Runs the batches. Throws InputError that names a node whose activations are not finite.
Calibration calibrate(const Runtime& floats, std::span<const Tensor> batches);

}  // namespace keel
