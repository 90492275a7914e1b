#include "engine/speed/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/error.h"

namespace keel::speed {
namespace {

constexpr double kKiB = 1024, kMiB = 1024 * kKiB;

/// Cores, clocks (of the base, as published: what all cores reach at once) and caches are those of the model in the
/// title. Memory: four fifths of what its channels move, which STREAM reaches; a core's own share is what published
/// measurements of one thread say.
const std::vector<Node>& nodes() {
    static const std::vector<Node> all{
        {"sapphire_rapids",
         "Xeon Platinum 8480+ (Sapphire Rapids)",
         Isa::amx,
         56,
         2.0,
         {.f32 = 64,
          .bf16 = 128,
          .int8 = 256,
          .bf16_tiles = 1024,
          .int8_tiles = 2048,
          .loads = 2,
          .stores = 1,
          .sums = 2,
          .l2_bytes = 48,
          .l3_bytes = 10},
         2 * kMiB,
         105 * kMiB,
         14,
         0.8 * 307},
        {"cooper_lake",
         "Xeon Platinum 8380H (Cooper Lake)",
         Isa::avx512_bf16,
         28,
         2.9,
         {.f32 = 64, .bf16 = 128, .int8 = 256, .loads = 2, .stores = 1, .sums = 2, .l2_bytes = 48, .l3_bytes = 10},
         1 * kMiB,
         38.5 * kMiB,
         12,
         0.8 * 154},
        {"ice_lake",
         "Xeon Platinum 8380 (Ice Lake)",
         Isa::avx512_vnni,
         40,
         2.3,
         {.f32 = 64, .bf16 = 0, .int8 = 256, .loads = 2, .stores = 1, .sums = 2, .l2_bytes = 48, .l3_bytes = 10},
         1.25 * kMiB,
         60 * kMiB,
         12,
         0.8 * 205},
        {"cascade_lake",
         "Xeon Platinum 8280 (Cascade Lake)",
         Isa::avx512_vnni,
         28,
         2.4,
         {.f32 = 64, .bf16 = 0, .int8 = 256, .loads = 2, .stores = 1, .sums = 2, .l2_bytes = 40, .l3_bytes = 10},
         1 * kMiB,
         38.5 * kMiB,
         12,
         0.8 * 141},
        {"zen4",
         "EPYC 9654 (Zen 4)",
         Isa::avx512_bf16,
         96,
         2.4,
         {.f32 = 32, .bf16 = 64, .int8 = 128, .loads = 1, .stores = 0.5, .sums = 1, .l2_bytes = 22, .l3_bytes = 17},
         1 * kMiB,
         384 * kMiB,
         25,
         0.8 * 461},
        {"zen3",
         "EPYC 7763 (Zen 3)",
         Isa::avx2,
         64,
         2.45,
         {.f32 = 32, .bf16 = 0, .int8 = 64, .loads = 2, .stores = 1, .sums = 2, .l2_bytes = 22, .l3_bytes = 17},
         0.5 * kMiB,
         256 * kMiB,
         20,
         0.8 * 204},
    };
    return all;
}

}  // namespace

std::vector<std::string> node_names() {
    std::vector<std::string> names;
    for (const Node& node : nodes()) names.push_back(node.name);
    names.emplace_back("this");
    return names;
}

Node node_named(std::string_view name) {
    if (name == "this") return this_node();
    const auto found = std::ranges::find(nodes(), name, &Node::name);
    if (found == nodes().end())
        throw UsageError(fmt::format("[model of speed] wanted one of {} as the processor, got '{}'",
                                     fmt::join(node_names(), ", "), name));
    return *found;
}

}  // namespace keel::speed
