// Two runs side by side, of floats and of codes: what codes lose on average is given back, what they lose at all is reported.
#pragma once

#include <vector>

#include "graph/quantize/transform.h"

namespace keel {

/// Shifts each convolution of codes by what its sums are off on average over these images: the mean of each channel that it reads,
/// beside that of floats, through the rounded and the true weights (Nagel et al., 2019, arXiv:1906.04721, section 4.2, by
/// measurement). In the order of the nodes, so that each sees what the ones before were given back. `weights` is the graph of
/// floats with its weights, `floats` runs it, `codes` runs `coded`; both are changed.
void correct_bias(const graph::Graph& weights, const Runtime& floats, CodedGraph& coded, Runtime& codes, const Tensor& images);

/// What a node is charged with.
enum class Loss : std::uint8_t {
    all,  ///< what the nodes before it lost as well
    own   ///< what it loses itself where all that it reads are the codes nearest to what floats make
};

/// Signal to noise in decibels of each node that completes a result of floats, over the images; NaN for the others.
std::vector<double> signal_to_noise(const Runtime& floats, const CodedGraph& coded, const Runtime& codes, const Tensor& images,
                                    Loss loss);

}  // namespace keel
