#include "data/dataset.h"

#include <fmt/core.h>

#include "kernels/error.h"

namespace keel {

const char* split_name(Split split) {
    static constexpr const char* kNames[] = {"train", "val", "test"};
    return kNames[static_cast<std::size_t>(split)];
}

Split parse_split(const std::string& name) {
    for (Split split : kSplits) {
        if (name == split_name(split)) return split;
    }
    throw UsageError(fmt::format("[data] split must be train, val or test, not '{}'", name));
}

}  // namespace keel
