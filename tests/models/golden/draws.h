// Weights and images that make_golden.py draws in the same way, bit for bit, so that the golden files need not hold
// them.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel::golden {

/// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv).
inline std::uint64_t fnv1a(const std::string& text) {
    std::uint64_t value = 0xCBF29CE484222325;
    for (const char byte : text) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
    return value;
}

/// Element i of the stream `name`: the top 24 bits of splitmix64's output i, as an exact float in [-1, 1).
class Draws {
public:
    explicit Draws(const std::string& name) : seed_(fnv1a(name)) {}
    float operator[](std::size_t i) const {
        std::uint64_t z = seed_ + (std::uint64_t{i} + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z = (z ^ (z >> 31)) >> 40;
        return (static_cast<float>(z) - 0x1p23F) * 0x1p-23F;
    }

private:
    std::uint64_t seed_;
};

/// Values of a parameter or buffer; make_golden.py's `state_values` says which.
inline Tensor state_values(const std::string& name, const Dims& dims) {
    const Tensor tensor = Tensor::empty(dims);
    const auto values = tensor.values<float>();
    float scale = 0.25F, centre = 0;
    if (dims.rank() > 1) {
        const auto fan_in = static_cast<double>(dims.elements() / dims[0]);
        scale = static_cast<float>(std::sqrt((dims.rank() == 4 ? 6.0 : 3.0) / fan_in));
    } else if (name.ends_with("running_var")) {
        scale = 0.5F, centre = 1;
    } else if (name.ends_with("weight")) {
        scale = 0.125F, centre = 0.5F;
    }
    const bool bias = name.ends_with("bias");
    const Draws draws(name);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const float u = draws[i];
        values[i] = u * scale + (bias ? (u < -0.75F ? -2.5F : 2.5F) : centre);
    }
    return tensor;
}

/// The image batch: {n, size, size, channels}, drawn in PyTorch's order n, channel, row, column.
inline Tensor image(std::int64_t n, std::int64_t size, std::int64_t channels) {
    const Tensor tensor = Tensor::empty({n, size, size, channels});
    const auto values = tensor.values<float>();
    const Draws draws("image");
    const auto pixels = static_cast<std::size_t>(size * size), c = static_cast<std::size_t>(channels);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t sample = i / (pixels * c), pixel = i / c % pixels, channel = i % c;
        values[i] = draws[(sample * c + channel) * pixels + pixel];
    }
    return tensor;
}

}  // namespace keel::golden
