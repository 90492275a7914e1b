// One number of the channels of each pixel.
#pragma once

#include <string_view>

#include "graph/graph.h"
#include "kernels/reduce/channels.h"

namespace keel::graph {

class NodeCheck;

/// The mean, sum, maximum or minimum of the channels of each pixel of src; dst has src's pixels and one channel. Sums
/// are in double; a NaN among the channels is the maximum and the minimum. Other axes are brought there by a Rearrange;
/// the mean of all pixels is an adaptive average Pool to 1 x 1.
struct Reduce {
    static constexpr std::string_view kName = "reduce";
    using Kind = kernels::ChannelReduction;
    Kind kind = Kind::mean;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
