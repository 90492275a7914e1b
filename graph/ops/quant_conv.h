// Convolution of quantized values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/ops.h"
#include "graph/graph.h"
#include "kernels/qconv/qconv.h"

namespace keel::graph {

/// A convolution of quantized values (kernels/qconv/qconv.h) to quantized values or floats.
struct QuantConv {
    static constexpr std::string_view kName = "quant_conv";
    Tensor weights;  ///< s8 {oc, ic / groups, kh, kw}, plain
    Conv2dOptions options;
    std::vector<float> scale, shift;
    QuantPrologue prologue;
    std::vector<std::uint8_t> pad;      ///< of each channel of src, or empty: 0
    std::optional<Value> residual;      ///< quantized; of dst's extents; may be dst itself
    std::vector<float> residual_scale;  ///< of each channel, or empty
    bool relu = false;
    std::uint8_t zero = 0;  ///< what stands for 0 in a quantized dst, where there is a ReLU

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    /// Packs the weights and drops the plain ones.
    std::unique_ptr<Step> prepare(const Graph& graph, const Node& node, std::int64_t batch);
};

class QuantConvStep final : public Step {
public:
    QuantConvStep(QuantConv& conv, const kernels::Conv2dGeometry& g);
    void run(const Node& node, const RunMemory& memory) const override;
    bool set_shift(const std::vector<float>& shift) override;

private:
    std::byte* packed() const { return reinterpret_cast<std::byte*>(weights_.data<std::uint8_t>()); }

    QuantConv& conv_;
    kernels::Qconv kernel_;
    Tensor weights_;  ///< packed, u8
};

}  // namespace keel::graph
