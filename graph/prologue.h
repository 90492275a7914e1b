// What a convolution or a pool does to each element as it reads it, channel by channel, before its own work.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/quant/quant.h"

namespace keel::graph {

class Archive;
class NodeCheck;

/// max(0, src * scale + shift): a batch norm with ReLU in front.
struct Prologue {
    std::vector<float> scale, shift;
};
void fields(Archive& archive, std::optional<Prologue>& prologue);
void check_prologue(const NodeCheck& node, const std::optional<Prologue>& prologue);

/// A prologue of quantized values (kernels::QuantPrologue): a clamp, an affine to the nearest quantized value, or
/// nothing.
struct QuantPrologue {
    std::vector<std::uint8_t> low, high;
    std::vector<float> scale, shift;
    bool operator==(const QuantPrologue&) const = default;
    kernels::QuantPrologue view() const;
};
void fields(Archive& archive, QuantPrologue& prologue);
/// Refuses what does not fit src; `pad` is of each channel of src, or empty.
void check_prologue(const NodeCheck& node, const QuantPrologue& prologue, const std::vector<std::uint8_t>& pad);

}  // namespace keel::graph
