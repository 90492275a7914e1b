// One walk over a graph of floats that appends, node by node, to a quantized graph. What an operator's quantize() works
// with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/quantize/quantize_graph.h"

namespace keel {

class QuantizePass {
public:
    /// All must outlive it.
    QuantizePass(const graph::Graph& floats, const Calibration& calibration, RangeMethod method,
                 const KeptFloats& kept);
    QuantizedGraph run() &&;

    RangeMethod method() const { return method_; }
    /// Returns what calibration tells of the current node.
    const NodeCalibration& calibration() const { return calibration_.nodes[step_]; }
    bool quantized(const graph::Value& value) const { return result_.graph.map(value).quantized; }

    /// Returns a value as quantized values; those of the images are made when they are first wanted.
    graph::Value quantized_of(const graph::Value& value);
    /// Returns a value as floats, in a buffer of its own where it is quantized.
    graph::Value floats_of(const graph::Value& value, const std::string& name);

    /// Returns the parameters of each channel of a value that is written, or that choose_params() has decided on.
    std::vector<QuantParams> params_of(const graph::Value& value) const;
    /// Returns params_of() a quantized value, and {1, 0} for each channel of one of floats.
    std::vector<QuantParams> params_or_floats(const graph::Value& value) const;
    void set_params(const graph::Value& value, const std::vector<QuantParams>& params);
    /// Decides on the parameters of the current node's result, if that is quantized.
    void choose_params(const graph::Value& dst);

    /// Appends the node that completes the result of the current node of floats.
    QuantizedNode& complete(const graph::Node& node, const graph::Value& src, const graph::Value& dst, graph::Op op);

private:
    bool stays(const graph::Node& node) const;
    void keep(const graph::Node& node);
    graph::Value aside(const graph::Value& value, bool quantized);
    QuantizedNode& append(std::string name, const graph::Value& src, const graph::Value& dst, graph::Op op);
    std::size_t pooled_from(const graph::Value& dst) const;
    std::vector<QuantParams>& params_of_buffer(const graph::Value& value) {
        return params_[static_cast<std::size_t>(value.buffer)];
    }

    const graph::Graph& floats_;
    const Calibration& calibration_;
    RangeMethod method_;
    const KeptFloats& kept_;
    QuantizedGraph result_;
    std::vector<std::vector<QuantParams>> params_;  ///< of each channel of each buffer, as written last
    std::optional<graph::Value> images_;
    std::size_t step_ = 0;
};

}  // namespace keel
