// Processors of which a step's time is modelled: what their cores do in a cycle, as published, and what their memories
// deliver. Nothing here is measured but what this_node() measures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/isa.h"

namespace keel::speed {

/// Of a core and a cycle, by the manufacturers' optimization manuals. Operations: a multiply-add is two.
struct CoreRates {
    double f32, bf16, int8;                 ///< operations by vectors; bf16 of 0: imitated, as fast as f32
    double bf16_tiles = 0, int8_tiles = 0;  ///< operations by matrix tiles; 0: none
    double loads, stores, sums;             ///< vectors loaded, stored, added
    double l2_bytes, l3_bytes;              ///< that a stream of reads and writes moves
};

struct Node {
    std::string name, title;
    Isa isa;
    int cores;   ///< of a socket
    double ghz;  ///< of all cores at once, on vectors
    CoreRates rates;
    double l2, l3;              ///< bytes: of a core; of a socket
    double core_gbs, node_gbs;  ///< of memory: what one core reads and writes, what the socket does; 1e9 bytes a second
    double region_us = 1.5;     ///< from the end of one region of the team to the begin of the next
    std::string like{};         ///< of this_node(): the node of the table that it is most like; else empty

    int lanes() const { return isa.includes(Isa::avx512) ? 16 : 8; }
};

/// Returns the names that node_named() knows, "this" last.
std::vector<std::string> node_names();

/// Returns a node; "this" is this_node(). Throws UsageError, with the names, for one that is not known.
Node node_named(std::string_view name);

/// Returns the machine at hand, as the processor that it is or is most like, with its clock, the bandwidth of its
/// third-level cache and of its memory, and what a region costs as measured now, in some tenths of a second.
Node this_node();

}  // namespace keel::speed
