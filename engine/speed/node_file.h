// A node as text: what keel doctor --json prints as "speed" of the machine that it runs on.
#pragma once

#include <cstdint>
#include <string>

#include "engine/json.h"
#include "engine/speed/node.h"

namespace keel::speed {

/// A node, what it was measured to do, and its memory.
struct MeasuredNode {
    Node node;
    double gflops = 0;              ///< of all cores together, by a convolution of f32
    std::int64_t memory_bytes = 0;  ///< 0: not known
};

/// Measures this machine, in a second or so, with the threads of the compute pool.
MeasuredNode measure_this_node();

/// {"cpu", "like", "isa", "cores", "ghz", "gflops", "memory_gbs", "core_memory_gbs", "region_us", "memory_bytes"}:
/// GFLOP/s of all cores, GB/s of the node and of a core.
Json node_json(const MeasuredNode& measured);

/// Reads a node: the object above, or an object that has it as "speed". Wanted are cores, gflops and memory_gbs; what
/// is not there is as on the node that "like" names, which without is one of the same ISA. `efficiency` is the share of
/// a core's published rate that such a convolution reaches, by which a clock follows from gflops. Throws InputError,
/// which names `file`, for anything else.
MeasuredNode read_node(const std::string& text, const std::string& file, double efficiency);

/// Returns the share of the published rate of its cores that a measured node reaches.
double efficiency_of(const MeasuredNode& measured);

}  // namespace keel::speed
