// What a graph computes, and what its ONNX file does when Keel reads it again.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graph/export/export.h"
#include "graph/import/import.h"
#include "graph/onnx/file.h"
#include "graph/runtime.h"
#include "models/random_training.h"

namespace keel::test {

/// Images of numbers like those of a standard normal distribution, {n, h, w, c}.
inline std::vector<float> normal_images(std::int64_t n, const graph::Buffer& map, std::uint64_t seed) {
    const std::int64_t side = std::max(map.h, map.w);
    const Tensor images = random_images(n, side, map.c, seed);
    const auto values = images.values<float>();
    return {values.begin(), values.begin() + n * map.elements()};
}

inline std::vector<float> run(const graph::Graph& graph, const std::vector<float>& images, std::int64_t n) {
    std::vector<float> dst(static_cast<std::size_t>(n * graph.map(graph.dst).elements()));
    Runtime(graph, n).run(n, images.data(), dst.data());
    return dst;
}

/// Through the bytes of a file.
inline graph::ImportedGraph again(const graph::Graph& graph, const graph::OnnxOptions& options = {}) {
    const std::string bytes = onnx::bytes_of(to_onnx(graph, options));
    const graph::Buffer& map = graph.map(graph.src);
    return graph::import_graph(onnx::read(std::as_bytes(std::span(bytes)), "exported"), map.h, map.w, graph.src.c);
}

/// The largest difference, as a part of the largest number.
inline double difference(const std::vector<float>& got, const std::vector<float>& wanted) {
    double most = 0, scale = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        most = std::max(most, std::abs(double{got[i]} - wanted[i]));
        scale = std::max(scale, std::abs(double{wanted[i]}));
    }
    return got.size() == wanted.size() ? most / scale : INFINITY;
}

}  // namespace keel::test
