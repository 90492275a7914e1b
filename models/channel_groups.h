// Which channels of a model may go, and what goes with each: the same channel of every tensor that holds it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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

    /// Returns the weights whose rows make the channels.
    const std::string& maker() const;

    /// Add what a layer of that name has of the channels: a batch norm, from its channel `begin` on, as gates or beside
    /// others that are; the rows of a layer that makes them; the columns of one that reads them, `repeat` for each.
    ChannelGroup& gated_by_norm(const std::string& layer, std::int64_t begin = 0);
    ChannelGroup& normalized_by(const std::string& layer);
    ChannelGroup& made_by(const std::string& layer);
    ChannelGroup& made_and_gated_by(const std::string& layer);
    ChannelGroup& read_by(const std::string& layer, std::int64_t begin = 0, std::int64_t repeat = 1);
};

/// Returns the widths that a model's weights have, by the dims of those that make each group's channels: of groups that
/// are narrower than the architecture's. None where weights are missing or wider.
std::optional<std::map<std::string, std::int64_t>> widths_of(const std::vector<ChannelGroup>& whole,
                                                             const std::map<std::string, Dims>& weights);

/// Returns the groups of a model that these options make, in the order in which its layers run. None: it has none that
/// may go. Throws as make_blank_model() does.
std::vector<ChannelGroup> channel_groups(const std::string& model, const ModelOptions& options);

}  // namespace keel
