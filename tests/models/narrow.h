// Models of a few channels, where a test is about an architecture and not about its size: VGG16 has 138 million
// weights.
#pragma once

#include <algorithm>
#include <string>

#include "models/channel_groups.h"

namespace keel::test {

/// Returns the options with widths of an eighth of the model's own, at least 4.
inline ModelOptions narrow(const std::string& model, ModelOptions options) {
    for (const ChannelGroup& group : channel_groups(model, options))
        options.widths[group.name] = std::max<std::int64_t>(4, group.width / 8);
    return options;
}

}  // namespace keel::test
