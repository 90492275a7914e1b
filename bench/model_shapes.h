// The convolutions of ResNet50 and DenseNet121 (torchvision's, 224x224 images): what tests and microbenchmarks run over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"

namespace keel::bench {

inline kernels::Conv2dGeometry square_conv(std::int64_t n, std::int64_t size, std::int64_t ic, std::int64_t oc, int kernel,
                                           int stride = 1) {
    return {n, ic, size, size, oc, kernel, kernel, stride, stride, kernel / 2, kernel / 2};
}

/// Sorted, each geometry once.
inline std::vector<kernels::Conv2dGeometry> distinct(std::vector<kernels::Conv2dGeometry> shapes) {
    std::sort(shapes.begin(), shapes.end());
    shapes.erase(std::unique(shapes.begin(), shapes.end()), shapes.end());
    return shapes;
}

inline std::vector<kernels::Conv2dGeometry> resnet50_convolutions(std::int64_t n) {
    std::vector<kernels::Conv2dGeometry> shapes{square_conv(n, 224, 3, 64, 7, 2)};
    std::int64_t size = 56, channels = 64;
    for (const std::int64_t width : {64, 128, 256, 512}) {
        const int stride = width == 64 ? 1 : 2;
        shapes.push_back(square_conv(n, size, channels, 4 * width, 1, stride));  // the shortcut
        shapes.push_back(square_conv(n, size, channels, width, 1));
        shapes.push_back(square_conv(n, size, width, width, 3, stride));
        size /= stride;
        channels = 4 * width;
        shapes.push_back(square_conv(n, size, width, channels, 1));
        shapes.push_back(square_conv(n, size, channels, width, 1));  // the blocks after the first
        shapes.push_back(square_conv(n, size, width, width, 3));
    }
    return distinct(shapes);
}

inline std::vector<kernels::Conv2dGeometry> densenet121_convolutions(std::int64_t n) {
    constexpr std::int64_t kGrowth = 32, kBottleneck = 4 * kGrowth;
    std::vector<kernels::Conv2dGeometry> shapes{square_conv(n, 224, 3, 64, 7, 2)};
    std::int64_t size = 56, channels = 64;
    for (const int layers : {6, 12, 24, 16}) {
        for (int layer = 0; layer < layers; ++layer, channels += kGrowth) {
            shapes.push_back(square_conv(n, size, channels, kBottleneck, 1));
            shapes.push_back(square_conv(n, size, kBottleneck, kGrowth, 3));
        }
        if (layers == 16) break;
        shapes.push_back(square_conv(n, size, channels, channels / 2, 1));  // the transition as published,
        size /= 2;
        shapes.push_back(square_conv(n, size, channels, channels / 2, 1));  // and with its pooling done first
        channels /= 2;
    }
    return distinct(shapes);
}

}  // namespace keel::bench
