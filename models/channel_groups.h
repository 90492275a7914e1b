// Which channels of a model may go, and what goes with each: the same channel of every tensor that holds it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/registry.h"

namespace keel {

/// Where one tensor of a module's state holds the channels of a group: channel k is its elements [begin + k * repeat,
/// begin + (k + 1) * repeat) along `dim`.
struct ChannelSlice {
    std::string tensor;
    int dim = 0;
    std::int64_t begin = 0, repeat = 1;
};

/// Channels that are tied: each is there in all of the tensors or in none. In a ResNet all blocks of a stage add to one
/// map, in a DenseNet all later layers of a block read what a layer made.
struct ChannelGroup {
    std::string name;        ///< a key of ModelOptions::widths
    std::int64_t width = 0;  ///< channels
    /// The parameters that make what is read of a channel: weight and bias of batch norms, or where there is none of a
    /// convolution or linear layer. A factor before the channel is a factor before all of them.
    std::vector<ChannelSlice> gates;
    std::vector<ChannelSlice> others;  ///< the other tensors that hold the channels
};

/// Returns the groups of a model that these options make, in the order in which its layers run. None: it has none that
/// may go. Throws as make_blank_model() does.
std::vector<ChannelGroup> channel_groups(const std::string& model, const ModelOptions& options);

}  // namespace keel
