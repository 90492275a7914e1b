// The scalar variant: 4 x 8 tiles in plain loops.
#pragma once

#include <bit>
#include <cmath>

#include "kernels/bf16.h"
#include "kernels/igemm/variants.h"

namespace keel::kernels::reference {

inline constexpr int kTileRows = 4, kTileColumns = 8;

/// Half `index` of a word, as f32.
inline float half_of(float word, int index) {
    const auto bits = std::bit_cast<std::uint32_t>(word);
    return std::bit_cast<float>(index == 0 ? bits << 16 : bits & 0xffff0000U);
}
inline float word_of(std::uint16_t lower, std::uint16_t upper) {
    return std::bit_cast<float>(std::uint32_t{lower} | std::uint32_t{upper} << 16);
}
/// How a word's products are summed: of f32, or of both bf16.
struct FloatWord {
    static constexpr bool kRounds = false;
    static float product(float a, float b) { return a * b; }
};
struct Bf16Word {
    static constexpr bool kRounds = true;
    static float product(float a, float b) { return half_of(a, 0) * half_of(b, 0) + half_of(a, 1) * half_of(b, 1); }
};

template <class Word>
void igemm_tile(const IgemmTile& t) {
    for (int r = 0; r < t.rows; ++r)
        for (std::int64_t j = 0; j < t.panels * kTileColumns; ++j) {
            float acc = t.bias == nullptr ? 0.0F : t.bias[j];
            const float* weights = t.weights + j / kTileColumns * t.weights_panel + j % kTileColumns;
            for (std::int64_t tap = 0; tap < t.taps; ++tap, weights += t.depth * kTileColumns)
                for (std::int64_t k = 0; k < t.depth; ++k)
                    acc += Word::product(t.src[tap].first[r * t.src[tap].row + k], weights[k * kTileColumns]);
            if (t.accumulate) acc += t.dst[r][j];
            const bool rounds = Word::kRounds && t.rounded != nullptr;
            if (t.residual != nullptr)
                acc += rounds ? from_bf16(reinterpret_cast<const std::uint16_t*>(t.residual[r])[j]) : t.residual[r][j];
            const float result = t.relu && acc < 0 ? 0.0F : acc;
            if (rounds)
                t.rounded[r][j] = to_bf16(result);
            else
                t.dst[r][j] = result;
        }
}

template <class Word>
void igemm_outer(const IgemmOuter& t) {
    for (int i = 0; i < t.rows; ++i)
        for (int j = 0; j < kTileColumns; ++j) {
            float acc = t.accumulate ? t.weights[i * kTileColumns + j] : 0.0F;
            for (std::int64_t p = 0; p < t.length; ++p)
                acc += Word::product(t.a[p * t.a_step + i], t.b[p * kTileColumns + j]);
            t.weights[i * kTileColumns + j] = acc;
        }
}

inline void igemm_gather(const IgemmGather& t) {
    for (int r = 0; r < t.rows; ++r)
        for (std::int64_t k = 0; k < t.depth; ++k) {
            const float value = t.scale == nullptr ? t.src[r][k] : t.src[r][k] * t.scale[k] + t.shift[k];
            t.dst[r * t.dst_row + k] = t.relu && value < 0 ? 0.0F : value;
        }
}

inline void igemm_pack(const IgemmPack& t) {
    const auto value = [&](std::int64_t p, std::int64_t c) {
        if (c >= t.channels || t.src == nullptr) return 0.0F;
        const float v = static_cast<const float*>(t.src)[p * t.ld + c];
        if (t.scale == nullptr) return v;
        const float y = v * t.scale[c] + t.shift[c];
        return t.relu && y < 0 ? 0.0F : y;
    };
    float* panel = t.dst;
    for (std::int64_t c = 0; c < t.channels; c += t.width, panel += t.panel)
        for (std::int64_t p = 0; p < t.pixels; ++p)
            for (std::int64_t i = 0; i < t.width; ++i) panel[(t.first + p) * t.width + i] = value(p, c + i);
}

/// The affine of channel k, rounded.
inline std::uint16_t affine_bf16(std::uint16_t value, const float* scale, const float* shift, bool relu,
                                 std::int64_t k) {
    if (scale == nullptr) return value;
    const float y = std::fma(from_bf16(value), scale[k], shift[k]);
    return to_bf16(relu && y < 0 ? 0.0F : y);
}

inline void igemm_bf16_gather(const IgemmGather& t) {
    for (int r = 0; r < t.rows; ++r) {
        const auto* src = reinterpret_cast<const std::uint16_t*>(t.src[r]);
        auto* dst = reinterpret_cast<std::uint16_t*>(t.dst + r * t.dst_row);
        for (std::int64_t c = 0; c < 2 * t.depth; ++c) dst[c] = affine_bf16(src[c], t.scale, t.shift, t.relu, c);
    }
}

inline void igemm_bf16_pack(const IgemmPack& t) {
    const auto* src = static_cast<const std::uint16_t*>(t.src);
    float* panel = t.dst;
    for (std::int64_t c = 0; c < t.channels; c += t.width, panel += t.panel)
        for (std::int64_t p = 0; p < t.pixels; ++p)
            for (std::int64_t i = 0; i < t.width; ++i) {
                const bool is_there = c + i < t.channels && src != nullptr;
                const std::uint16_t value =
                    is_there ? affine_bf16(src[p * t.ld + c + i], t.scale, t.shift, t.relu, c + i) : std::uint16_t{0};
                float& word = panel[(t.first + p) / 2 * t.width + i];
                const auto even = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(word));
                word = (t.first + p) % 2 == 0 ? word_of(value, 0) : word_of(even, value);
            }
}

inline void igemm_pair_rows(const IgemmPairRows& t) {
    for (std::int64_t k = 0; k < t.words; ++k)
        for (int j = 0; j < kTileColumns; ++j)
            t.dst[k * kTileColumns + j] =
                word_of(to_bf16(t.src[2 * k * kTileColumns + j]), to_bf16(t.src[(2 * k + 1) * kTileColumns + j]));
}

inline void igemm_round(const IgemmRound& t) {
    for (std::int64_t j = 0; j < t.columns; ++j) {
        const float sum = t.src[j] + (t.residual == nullptr ? 0.0F : from_bf16(t.residual[j]));
        t.dst[j] = to_bf16(t.relu && sum < 0 ? 0.0F : sum);
    }
}

/// out = transform(rows of) in, for a 4x4 or 3x3 matrix of scalars: T in T^T with T of R rows and C columns.
template <int R, int C>
void sandwich(const float (&transform)[R][C], const float (&in)[C][C], float (&out)[R][R]) {
    float half[R][C] = {};
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < C; ++j)
            for (int k = 0; k < C; ++k) half[i][j] += transform[i][k] * in[k][j];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < R; ++j) {
            out[i][j] = 0;
            for (int k = 0; k < C; ++k) out[i][j] += half[i][k] * transform[j][k];
        }
}

inline constexpr float kSourceTransform[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
inline constexpr float kResultTransform[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
inline constexpr float kWeightsTransform[4][3] = {{1, 0, 0}, {0.5F, 0.5F, 0.5F}, {0.5F, -0.5F, 0.5F}, {0, 0, 1}};

inline float element_of(float value) { return value; }
inline float element_of(std::uint16_t value) { return from_bf16(value); }

/// Of maps of Element; to(tile, position, c, value) stores.
template <class Element, class Store>
void winograd_source_of(const WinogradSource& t, Store to) {
    const auto value_at = [&](std::int64_t y, std::int64_t x, std::int64_t c) {
        if (y < t.rows_begin || y >= t.rows_end || x < t.columns_begin || x >= t.columns_end) return 0.0F;
        float value = element_of(static_cast<const Element*>(t.src)[y * t.row + x * t.pixel + c]);
        if (t.scale == nullptr) return value;
        value = value * t.scale[c] + t.shift[c];
        return t.relu && value < 0 ? 0.0F : value;
    };
    for (std::int64_t tile = 0; tile < t.tiles; ++tile)
        for (std::int64_t c = 0; c < t.depth; ++c) {
            float d[4][4], v[4][4];
            for (int i = 0; i < 16; ++i) d[i / 4][i % 4] = value_at(i / 4, 2 * tile + i % 4, c);
            sandwich(kSourceTransform, d, v);
            for (int i = 0; i < 16; ++i) to(tile, i, c, v[i / 4][i % 4]);
        }
}

inline void winograd_source(const WinogradSource& t) {
    winograd_source_of<float>(t, [&](std::int64_t tile, int position, std::int64_t c, float v) {
        t.v[position * t.v_position + tile * t.v_tile + c] = v;
    });
}

/// Rounds a value into the half of a word that `half` says, the lower one before the upper one.
inline void put_half(float& word, float value, WordHalf half) {
    const auto lower = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(word));
    word = half == WordHalf::lower ? word_of(to_bf16(value), 0) : word_of(lower, to_bf16(value));
}

/// Returns the half of a word that element or tile i of a row has.
inline WordHalf half_of(std::int64_t i) { return i % 2 == 0 ? WordHalf::lower : WordHalf::upper; }

inline void winograd_source_bf16(const WinogradSource& t) {
    const std::int64_t odd = t.half == WordHalf::upper ? 1 : 0;
    winograd_source_of<std::uint16_t>(t, [&](std::int64_t tile, int position, std::int64_t c, float v) {
        float* row = t.v + position * t.v_position;
        if (t.half == WordHalf::neighbors)
            put_half(row[tile * t.v_tile + c / 2], v, half_of(c));
        else
            put_half(row[(tile + odd) / 2 * t.v_tile + c], v, half_of(tile + odd));
    });
}

/// To maps of Element.
template <class Element>
void winograd_result_of(const WinogradResult& t) {
    for (std::int64_t j = 0; j < t.columns; ++j) {
        float m[4][4], y[2][2];
        for (int i = 0; i < 16; ++i) m[i / 4][i % 4] = t.m[i * t.m_position + j];
        sandwich(kResultTransform, m, y);
        for (int i = 0; i < 4; ++i) {
            if (t.dst[i] == nullptr) continue;
            const float value =
                y[i / 2][i % 2] + (t.bias == nullptr ? 0.0F : t.bias[j]) +
                (t.residual[i] == nullptr ? 0.0F : float{static_cast<const Element*>(t.residual[i])[j]});
            static_cast<Element*>(t.dst[i])[j] = t.relu && value < 0 ? 0.0F : value;
        }
    }
}

inline void winograd_result(const WinogradResult& t) { winograd_result_of<float>(t); }
inline void winograd_result_bf16(const WinogradResult& t) {
    t.rounded ? winograd_result_of<Bf16>(t) : winograd_result_of<float>(t);
}

inline void winograd_weights(const WinogradWeights& t) {
    for (std::int64_t j = 0; j < t.columns; ++j) {
        float w[3][3], u[4][4];
        for (int i = 0; i < 9; ++i) w[i / 3][i % 3] = t.w[i * t.w_tap + j];
        sandwich(kWeightsTransform, w, u);
        for (int i = 0; i < 16; ++i) t.u[i * t.u_position + j] = u[i / 4][i % 4];
    }
}

inline constexpr float kGradientTransform[4][2] = {{1, 0}, {1, 1}, {1, -1}, {0, -1}};
inline constexpr float kWeightsGradientTransform[3][4] = {{1, 0.5F, 0.5F, 0}, {0, 0.5F, -0.5F, 0}, {0, 0.5F, 0.5F, 1}};

/// Of maps of Element; to(tile, the first tile's z, value) stores.
template <class Element, class Store>
void winograd_gradient_of(const WinogradGradient& t, Store to) {
    const auto value_at = [&](std::int64_t y, std::int64_t x, std::int64_t j) {
        if (y >= t.rows_end || x >= t.columns_end) return 0.0F;
        return element_of(static_cast<const Element*>(t.diff)[y * t.row + x * t.pixel + j]);
    };
    for (std::int64_t tile = 0; tile < t.tiles; ++tile)
        for (std::int64_t j = 0; j < t.columns; ++j) {
            float d[2][2], z[4][4];
            for (int i = 0; i < 4; ++i) d[i / 2][i % 2] = value_at(i / 2, 2 * tile + i % 2, j);
            sandwich(kGradientTransform, d, z);
            for (int i = 0; i < 16; ++i)
                to(tile, t.z + i * t.z_position + j / t.panel_columns * t.z_panel + j % t.panel_columns,
                   z[i / 4][i % 4]);
        }
}

inline void winograd_gradient(const WinogradGradient& t) {
    winograd_gradient_of<float>(t,
                                [&](std::int64_t tile, float* z, float value) { z[tile * t.panel_columns] = value; });
}

inline void winograd_gradient_bf16(const WinogradGradient& t) {
    const std::int64_t odd = t.half == WordHalf::upper ? 1 : 0;
    winograd_gradient_of<std::uint16_t>(t, [&](std::int64_t tile, float* z, float value) {
        put_half(z[(tile + odd) / 2 * t.panel_columns], value, half_of(tile + odd));
    });
}

inline void winograd_weights_gradient(const WinogradWeightsGradient& t) {
    for (std::int64_t j = 0; j < t.columns; ++j) {
        float u[4][4], w[3][3];
        for (int i = 0; i < 16; ++i) u[i / 4][i % 4] = t.u[i * t.u_position + j];
        sandwich(kWeightsGradientTransform, u, w);
        for (int i = 0; i < 9; ++i) t.w[i * t.w_tap + j] = w[i / 3][i % 3];
    }
}

}  // namespace keel::kernels::reference
