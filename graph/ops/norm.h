// Normalizations whose statistics are those of the image itself.
#pragma once

#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

class NodeCheck;

/// (src - mean) / sqrt(variance + eps) * scale + shift, with the mean and the (biased) variance of the channels of each
/// pixel (Ba, Kiros & Hinton, arXiv:1607.06450).
struct LayerNorm {
    static constexpr std::string_view kName = "layer_norm";
    static constexpr bool kInPlace = true;
    std::vector<float> scale, shift;  ///< of each channel; empty: 1 and 0
    float eps = 1e-5F;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

/// Likewise with the mean and the variance of each channel over all pixels of an image (Ulyanov, Vedaldi & Lempitsky,
/// arXiv:1607.08022).
struct InstanceNorm {
    static constexpr std::string_view kName = "instance_norm";
    static constexpr bool kInPlace = true;
    std::vector<float> scale, shift;  ///< of each channel; empty: 1 and 0
    float eps = 1e-5F;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

/// dst[c] = src[c] / (bias + alpha / size * sum of src[i]^2)^beta, with i over the channels from
/// c - floor((size - 1) / 2) to c + ceil((size - 1) / 2) that there are (ONNX's LRN; Krizhevsky, Sutskever & Hinton,
/// 2012).
struct LocalResponseNorm {
    static constexpr std::string_view kName = "lrn";
    static constexpr int kMostSize = 1024;  ///< what a file may say is what a pixel costs
    int size = 5;
    float alpha = 1e-4F, beta = 0.75F, bias = 1;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
