// Two runs side by side, of floats and quantized: what quantization loses on average is given back, what it loses at
// all is reported.
#pragma once

#include <vector>

#include "graph/quantize/quantize_graph.h"

namespace keel {

/// Shifts each quantized convolution by what its sums are off on average over these images: the mean of each channel
/// that it reads, beside that of floats, through the rounded and the true weights (Nagel et al., 2019,
/// arXiv:1906.04721, section 4.2, by measurement). In the order of the nodes, so that each sees what the ones before
/// were given back. `weights` is the graph of floats with its weights, `floats` runs it, `runtime` runs `quantized`;
/// both of these are changed.
void correct_bias(const graph::Graph& weights, const Runtime& floats, QuantizedGraph& quantized, Runtime& runtime,
                  const Tensor& images);

/// What a node is charged with.
enum class Loss : std::uint8_t {
    all,  ///< what the nodes before it lost as well
    own   ///< what it loses itself where all that it reads are the quantized values nearest to what floats make
};

/// Returns the signal to noise in decibels of each node that completes a result of floats, over the images; NaN for the
/// others.
std::vector<double> signal_to_noise(const Runtime& floats, const QuantizedGraph& quantized, const Runtime& runtime,
                                    const Tensor& images, Loss loss);

}  // namespace keel
