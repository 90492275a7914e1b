// How far results in bf16 may be from those in f32.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "graph/ops/conv.h"
#include "tests/support/catch.h"

namespace keel::test {

/// The largest difference as a part of the largest number wanted.
inline double relative_difference(std::span<const float> got, std::span<const float> wanted) {
    REQUIRE(got.size() == wanted.size());
    double largest = 0, most = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double off = std::abs(double{got[i]} - wanted[i]);
        largest = std::max(largest, std::abs(double{wanted[i]}));
        most = std::isnan(off) ? INFINITY : std::max(most, off);
    }
    return most / largest;
}

/// A layer's map, its weights and the map that it reads are each rounded by 2^-9 of their magnitudes at most. Errors of
/// a sum of many products, and of one layer after the other, add up like steps of a random walk, so that a result of L
/// layers is off by 2^-9 times the root of 3 L; eight times that is beyond chance.
inline double tolerance_of(const graph::Graph& graph) {
    const auto layers =
        std::ranges::count_if(graph.nodes, [](const graph::Node& node) { return node.as<graph::Conv>() != nullptr; });
    return 8 * std::sqrt(3.0 * static_cast<double>(layers)) * 0x1p-9;
}

}  // namespace keel::test
