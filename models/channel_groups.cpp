#include "models/channel_groups.h"

namespace keel {

const std::string& ChannelGroup::maker() const {
    return others.empty() || others.front().dim != 0 ? gates.front().tensor : others.front().tensor;
}

ChannelGroup& ChannelGroup::gated_by_norm(const std::string& layer, std::int64_t begin) {
    for (const char* parameter : {".weight", ".bias"}) gates.push_back({layer + parameter, 0, begin});
    for (const char* statistic : {".running_mean", ".running_var"}) others.push_back({layer + statistic, 0, begin});
    return *this;
}

ChannelGroup& ChannelGroup::normalized_by(const std::string& layer) {
    for (const char* tensor : {".weight", ".bias", ".running_mean", ".running_var"}) others.push_back({layer + tensor});
    return *this;
}

ChannelGroup& ChannelGroup::made_by(const std::string& layer) {
    others.push_back({layer + ".weight"});
    return *this;
}

ChannelGroup& ChannelGroup::made_and_gated_by(const std::string& layer) {
    for (const char* parameter : {".weight", ".bias"}) gates.push_back({layer + parameter});
    return *this;
}

ChannelGroup& ChannelGroup::read_by(const std::string& layer, std::int64_t begin, std::int64_t repeat) {
    others.push_back({layer + ".weight", 1, begin, repeat});
    return *this;
}

std::optional<std::map<std::string, std::int64_t>> widths_of(const std::vector<ChannelGroup>& whole,
                                                             const std::map<std::string, Dims>& weights) {
    std::map<std::string, std::int64_t> widths;
    for (const ChannelGroup& group : whole) {
        const auto found = weights.find(group.maker());
        if (found == weights.end() || found->second.rank() < 2) return std::nullopt;
        const std::int64_t width = found->second[0];
        if (width < 1 || width > group.width) return std::nullopt;
        if (width < group.width) widths.emplace(group.name, width);
    }
    return widths;
}

}  // namespace keel
