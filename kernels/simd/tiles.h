// AMX's tiles: eight registers of up to 16 rows of 64 bytes, and products of them. A thread says which shapes they have
// before it uses them, and gives them back when it is done: a thread whose tiles are in use costs every switch to
// another one 8 KB, and whoever runs next in it finds them as they were. Callers keep none across a call of a function.
// KEEL_EMULATE_TILES, set only by tests, names a header with the same class in plain loops: so what is made of tiles is
// tested on machines that lack them.
#pragma once

#include <stdint.h>

namespace keel::kernels::simd {
namespace {

inline constexpr int kTiles = 8, kTileRows = 16, kTileRowBytes = 64;

/// The shapes of all tiles, as `ldtilecfg` reads them.
struct alignas(64) TileShapes {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};

    void set(int tile, int row_count, int bytes) {
        rows[tile] = static_cast<std::uint8_t>(row_count);
        row_bytes[tile] = static_cast<std::uint16_t>(bytes);
    }
};
static_assert(sizeof(TileShapes) == 64);

}  // namespace
}  // namespace keel::kernels::simd

#ifdef KEEL_EMULATE_TILES
#include KEEL_EMULATE_TILES
#else

namespace keel::kernels::simd {
namespace {

/// The registers of the calling thread. GCC 12's intrinsics do not tell the compiler that a load reads memory.
struct Tiles {
    /// Every tile becomes 0. Takes some 200 cycles, as many as a dozen products.
    static void configure(const TileShapes& shapes) { __asm__ volatile("ldtilecfg %0" ::"m"(shapes)); }
    static void release() { __asm__ volatile("tilerelease"); }

    template <int kTile>
    static void clear() {
        __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile));
    }
    /// Rows are `distance` bytes apart.
    template <int kTile>
    static void load(const void* first, std::int64_t distance) {
        __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(first), "r"(distance) : "memory");
    }
    template <int kTile>
    static void store(void* first, std::int64_t distance) {
        __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(first), "r"(distance) : "memory");
    }
    /// sums[i][j] += sum over k, b < 4 of u8 a[i][k][b] * s8 b[k][j][b], in s32.
    template <int kSums, int kA, int kB>
    static void dot_bytes() {
        __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
    }
    /// sums[i][j] += (sum over k of a[i][k][0] * b[k][j][0]) + (sum over k of a[i][k][1] * b[k][j][1]) of bf16, in f32.
    /// Either sum begins with 0 and is one fused multiply-add after another, in the order of k; the two are added, then
    /// what they make is added to what was there (Intel's manual, TDPBF16PS). All of these round to nearest even, and
    /// numbers below the smallest normal one are zeros, those that go in as those that come out.
    template <int kSums, int kA, int kB>
    static void dot_halves() {
        __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
    }
};

}  // namespace
}  // namespace keel::kernels::simd
#endif
