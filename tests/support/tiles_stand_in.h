// The tiles of kernels/simd/tiles.h in plain loops, for machines without AMX: included by that header where
// KEEL_EMULATE_TILES names this one. What the processor would answer with a fault is counted.
#pragma once

#include <stdint.h>
#include <string.h>

#include "tests/support/sum_of_pairs.h"
#include "tests/support/tiles_use.h"

namespace keel::kernels::simd {
namespace {

struct Tiles {
    static void configure(const TileShapes& shapes) {
        State& s = state();
        keel::test::TileUse::add(keel::test::TileUse::configured, 1);
        if (s.shapes.palette == 0) keel::test::TileUse::add(keel::test::TileUse::holders, 1);
        for (int t = 0; t < 16; ++t) require(shapes.rows[t] <= kTileRows && shapes.row_bytes[t] <= kTileRowBytes);
        for (int t = kTiles; t < 16; ++t) require(shapes.rows[t] == 0 && shapes.row_bytes[t] == 0);
        require(shapes.palette == 1 && shapes.start_row == 0);
        memset(s.bytes, 0, sizeof s.bytes);
        s.shapes = shapes;
    }
    static void release() {
        if (state().shapes.palette != 0) keel::test::TileUse::add(keel::test::TileUse::holders, -1);
        state().shapes = none();
    }
    template <int kTile>
    static void clear() {
        require(has_shape(kTile));
        memset(state().bytes[kTile], 0, sizeof state().bytes[kTile]);
    }
    template <int kTile>
    static void load(const void* first, std::int64_t distance) {
        clear<kTile>();
        for (int row = 0; row < rows(kTile); ++row)
            memcpy(state().bytes[kTile][row], static_cast<const char*>(first) + row * distance, row_bytes(kTile));
    }
    template <int kTile>
    static void store(void* first, std::int64_t distance) {
        require(has_shape(kTile));
        for (int row = 0; row < rows(kTile); ++row)
            memcpy(static_cast<char*>(first) + row * distance, state().bytes[kTile][row], row_bytes(kTile));
    }
    template <int kSums, int kA, int kB>
    static void dot_bytes() {
        require_product(kSums, kA, kB);
        for (int i = 0; i < rows(kSums); ++i)
            for (unsigned j = 0; j < row_bytes(kSums); j += 4) {
                std::int32_t sum;
                memcpy(&sum, &state().bytes[kSums][i][j], sizeof sum);
                for (int k = 0; k < rows(kB); ++k)
                    for (unsigned b = 0; b < 4; ++b)
                        sum += state().bytes[kA][i][4 * static_cast<unsigned>(k) + b] *
                               static_cast<std::int8_t>(state().bytes[kB][k][j + b]);
                memcpy(&state().bytes[kSums][i][j], &sum, sizeof sum);
            }
    }

    template <int kSums, int kA, int kB>
    static void dot_halves() {
        require_product(kSums, kA, kB);
        float a[kTileRows][2 * kTileRows], b[kTileRows][2 * kTileRows];
        halves_of(kA, a);
        halves_of(kB, b);
        for (int i = 0; i < rows(kSums); ++i)
            for (unsigned j = 0; j < row_bytes(kSums); j += 4) {
                float sum;
                memcpy(&sum, &state().bytes[kSums][i][j], sizeof sum);
                sum = keel::test::sum_of_pairs(sum, a[i], b[0] + j / 2, rows(kB), 2 * kTileRows);
                memcpy(&state().bytes[kSums][i][j], &sum, sizeof sum);
            }
    }

private:
    static void halves_of(int tile, float (&values)[kTileRows][2 * kTileRows]) {
        std::uint16_t halves[kTileRows][2 * kTileRows];
        memcpy(halves, state().bytes[tile], sizeof halves);
        for (int row = 0; row < rows(tile); ++row)
            for (int i = 0; i < 2 * kTileRows; ++i) values[row][i] = keel::test::float_of_half(halves[row][i]);
    }
    static void require_product(int sums, int a, int b) {
        require(sums != a && sums != b && a != b && has_shape(sums) && has_shape(a) && has_shape(b));
        require(rows(sums) == rows(a) && row_bytes(sums) == row_bytes(b) &&
                row_bytes(a) == 4U * static_cast<unsigned>(rows(b)));
    }
    struct State {
        TileShapes shapes = none();
        std::uint8_t bytes[kTiles][kTileRows][kTileRowBytes] = {};
    };
    static TileShapes none() {
        TileShapes shapes;
        shapes.palette = 0;
        return shapes;
    }
    static State& state() {
        static thread_local State s;
        return s;
    }
    static int rows(int tile) { return state().shapes.rows[tile]; }
    static unsigned row_bytes(int tile) { return state().shapes.row_bytes[tile]; }
    static bool has_shape(int tile) { return state().shapes.palette == 1 && rows(tile) > 0 && row_bytes(tile) > 0; }
    static void require(bool fits) {
        if (!fits) keel::test::TileUse::add(keel::test::TileUse::faults, 1);
    }
};

}  // namespace
}  // namespace keel::kernels::simd
