// The scalar variant: 4 x 8 tiles in plain loops.
#pragma once

#include "kernels/igemm/variants.h"

namespace keel::kernels::reference {

inline constexpr int kTileRows = 4, kTileColumns = 8;

inline void igemm_tile(const IgemmTile& t) {
    for (int r = 0; r < kTileRows; ++r)
        for (std::int64_t j = 0; j < t.panels * kTileColumns; ++j) {
            float acc = t.accumulate ? t.dst[r][j] : t.bias == nullptr ? 0.0F : t.bias[j];
            const float* weights = t.weights + j / kTileColumns * t.weights_panel + j % kTileColumns;
            for (std::int64_t tap = 0; tap < t.taps; ++tap)
                for (std::int64_t k = 0; k < t.depth; ++k)
                    acc += t.src[tap * kTileRows + r][k] * weights[tap * t.weights_tap + k * kTileColumns];
            if (t.residual != nullptr) acc += t.residual[r][j];
            t.dst[r][j] = t.relu && acc < 0 ? 0.0F : acc;
        }
}

inline void igemm_outer(const IgemmOuter& t) {
    for (int i = 0; i < t.valid; ++i)
        for (int j = 0; j < kTileColumns; ++j) {
            float acc = t.accumulate ? t.weights[i * kTileColumns + j] : 0.0F;
            for (std::int64_t s = 0; s < t.segments; ++s)
                for (std::int64_t p = 0; p < t.length; ++p)
                    acc += t.a[t.a_segments[s] + p * t.a_step + i] * t.b[t.b_segments[s] + p * kTileColumns + j];
            t.weights[i * kTileColumns + j] = acc;
        }
}

inline void igemm_affine(std::int64_t depth, const float* const* src, const float* scale, const float* shift, bool relu,
                         float* dst) {
    for (int r = 0; r < kTileRows; ++r)
        for (std::int64_t k = 0; k < depth; ++k) {
            const float value = src[r][k] * scale[k] + shift[k];
            dst[r * depth + k] = relu && value < 0 ? 0.0F : value;
        }
}

inline void igemm_pack(const IgemmPack& t) {
    const auto value = [&](std::int64_t p, std::int64_t c) {
        if (c >= t.channels) return 0.0F;
        const float v = t.src[p * t.ld + c];
        if (t.scale == nullptr) return v;
        const float y = v * t.scale[c] + t.shift[c];
        return t.relu && y < 0 ? 0.0F : y;
    };
    float* panel = t.dst;
    for (std::int64_t c = 0; c < t.channels; c += t.width, panel += t.panel)
        for (std::int64_t p = 0; p < t.pixels; ++p)
            for (std::int64_t i = 0; i < t.width; ++i) panel[p * t.width + i] = value(p, c + i);
}

}  // namespace keel::kernels::reference
