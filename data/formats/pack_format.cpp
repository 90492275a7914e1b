#include "data/formats/pack_format.h"

#include <fmt/core.h>

namespace keel::pack {

std::string shard_name(std::uint32_t number) { return fmt::format("shard-{:05}.keelpack", number); }

}  // namespace keel::pack
