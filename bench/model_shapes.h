// The layers of ResNet50 and DenseNet121 (torchvision's, 224x224 images): what tests and benchmarks run over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"

namespace keel::bench {

inline kernels::Conv2dGeometry square_conv(std::int64_t n, std::int64_t size, std::int64_t ic, std::int64_t oc,
                                           int kernel, int stride = 1) {
    return {n, ic, size, size, oc, kernel, kernel, stride, stride, kernel / 2, kernel / 2};
}

/// Sorted, each once.
template <class Shape>
std::vector<Shape> distinct(std::vector<Shape> shapes) {
    std::sort(shapes.begin(), shapes.end());
    shapes.erase(std::unique(shapes.begin(), shapes.end()), shapes.end());
    return shapes;
}

/// All 53 convolutions.
inline std::vector<kernels::Conv2dGeometry> resnet50_convolutions(std::int64_t n) {
    std::vector<kernels::Conv2dGeometry> shapes{square_conv(n, 224, 3, 64, 7, 2)};
    std::int64_t size = 56, channels = 64, width = 64;
    for (const int blocks : {3, 4, 6, 3}) {
        for (int block = 0; block < blocks; ++block) {
            const int stride = block == 0 && width > 64 ? 2 : 1;
            if (block == 0) shapes.push_back(square_conv(n, size, channels, 4 * width, 1, stride));  // the shortcut
            shapes.push_back(square_conv(n, size, channels, width, 1));
            shapes.push_back(square_conv(n, size, width, width, 3, stride));
            size /= stride;
            channels = 4 * width;
            shapes.push_back(square_conv(n, size, width, channels, 1));
        }
        width *= 2;
    }
    return shapes;
}

/// Where a transition's average pool stands: after its convolution, as published, or before it, which is the same
/// function with a quarter of the work.
enum class TransitionPool { after, before };

/// All 120 convolutions.
inline std::vector<kernels::Conv2dGeometry> densenet121_convolutions(std::int64_t n, TransitionPool pool) {
    constexpr std::int64_t kGrowth = 32, kBottleneck = 4 * kGrowth;
    std::vector<kernels::Conv2dGeometry> shapes{square_conv(n, 224, 3, 64, 7, 2)};
    std::int64_t size = 56, channels = 64;
    for (const int layers : {6, 12, 24, 16}) {
        for (int layer = 0; layer < layers; ++layer, channels += kGrowth) {
            shapes.push_back(square_conv(n, size, channels, kBottleneck, 1));
            shapes.push_back(square_conv(n, size, kBottleneck, kGrowth, 3));
        }
        if (layers == 16) break;
        shapes.push_back(square_conv(n, pool == TransitionPool::before ? size / 2 : size, channels, channels / 2, 1));
        size /= 2;
        channels /= 2;
    }
    return shapes;
}

/// An activation: n maps of size x size pixels, c channels of each, which lie ld >= c apart.
struct MapShape {
    std::int64_t n, size, c, ld;

    std::int64_t rows() const { return n * size * size; }
    auto operator<=>(const MapShape&) const = default;
};

/// What ResNet50's batch norms and joins read: the results of its convolutions.
inline std::vector<MapShape> resnet50_maps(std::int64_t n) {
    std::vector<MapShape> maps;
    for (const kernels::Conv2dGeometry& g : resnet50_convolutions(n)) maps.push_back({n, g.oh(), g.oc, g.oc});
    return distinct(std::move(maps));
}

/// What DenseNet121's batch norms read: the first and the last slice of each block's wide buffer, and the bottlenecks.
inline std::vector<MapShape> densenet121_maps(std::int64_t n) {
    constexpr std::int64_t kGrowth = 32, kBottleneck = 4 * kGrowth;
    std::vector<MapShape> maps{{n, 112, 64, 64}};
    std::int64_t size = 56, channels = 64;
    for (const int layers : {6, 12, 24, 16}) {
        const std::int64_t wide = channels + layers * kGrowth;
        maps.push_back({n, size, channels, wide});
        maps.push_back({n, size, wide - kGrowth, wide});
        maps.push_back({n, size, wide, wide});
        maps.push_back({n, size, kBottleneck, kBottleneck});
        size /= 2;
        channels = wide / 2;
    }
    return distinct(std::move(maps));
}

}  // namespace keel::bench
