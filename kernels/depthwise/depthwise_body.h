// The depthwise convolution in float lanes; see variants.h for the contract. Some columns of dst are made at once, a
// vector of channels each: a pixel of src that is loaded serves all of them that its row of weights connects it to, and
// a weight serves all columns. Columns come first and channels in the loop within, so that what is read is a few
// streams of whole pixels.
#pragma once

#include "kernels/depthwise/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// Columns of dst in one row, [begin, end) channels each: where their sums begin and go. Loops over them are unrolled
/// before anything else, so that their sums are registers throughout.
struct Columns {
    const DepthwiseCall& call;
    std::int64_t pixel, begin, end;  ///< pixel: of the first column in dst

    template <int kColumns, class Lanes>
    void start(std::int64_t c, Lanes lanes, Vec (&acc)[kColumns]) const {
        const Vec bias = call.bias == nullptr ? Vec{} : load(call.bias + c, lanes);
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j) acc[j] = bias;
    }

    template <int kColumns, class Lanes>
    void finish(std::int64_t c, Lanes lanes, Vec (&acc)[kColumns]) const {
        if (const std::int64_t ld = call.residual_ld; call.residual != nullptr) {
            const float* residual = call.residual + pixel * ld + c;
#pragma GCC unroll 8
            for (int j = 0; j < kColumns; ++j, residual += ld) acc[j] += load(residual, lanes);
        }
        if (call.relu) {
#pragma GCC unroll 8
            for (int j = 0; j < kColumns; ++j) acc[j] = relu(acc[j]);
        }
        const std::int64_t ld = call.dst_ld;
        float* dst = call.dst + pixel * ld + c;
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j, dst += ld) store(dst, acc[j], lanes);
    }

    const float* weights(std::int64_t c) const {
        constexpr auto kLine = static_cast<std::uint64_t>(kDepthwisePanel);
        const auto at = static_cast<std::uint64_t>(c);  // without a sign the division is a shift
        return call.weights + at / kLine * call.panel + at % kLine;
    }
};

/// Rows [begin, end) of a kernel that lie inside of the map, and the row of src that the first of them meets.
struct KernelRows {
    int begin, end;
    const float* first;
    std::int64_t step;  ///< from one to the next

    KernelRows(const DepthwiseCall& call, std::int64_t row) : begin(0), end(call.kh) {
        const std::int64_t y = row % call.oh * call.stride_h - call.pad_h, line = call.iw * call.src_ld;
        while (begin < end && y + begin * call.dilation_h < 0) ++begin;
        while (begin < end && y + (end - 1) * call.dilation_h >= call.ih) --end;
        first = call.src + (row / call.oh * call.ih + y + begin * call.dilation_h) * line;
        step = call.dilation_h * line;
    }
};

/// Adds the products of one row of weights, with pixel() the next pixel of src each time, which is the source of tap i
/// - kStride * j of column j.
template <int kColumns, int kTaps, int kStride, class Pixel>
inline void add_row(const float* weights, Vec (&acc)[kColumns], Pixel pixel) {
    Vec w[kTaps];
#pragma GCC unroll 8
    for (int k = 0; k < kTaps; ++k) w[k] = load(weights + k * kDepthwisePanel, AllLanes{});
#pragma GCC unroll 32
    for (int i = 0; i < (kColumns - 1) * kStride + kTaps; ++i) {
        const Vec value = pixel();
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j)
            if (const int k = i - kStride * j; k >= 0 && k < kTaps) acc[j] = fma(value, w[k], acc[j]);
    }
}

/// Asks the memory for `count` pixels, ld floats apart, from `first` on: those that the next columns are the first to
/// read, or write.
template <int kCount, int kWrite>
inline void fetch(const float* first, std::int64_t ld) {
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i, first += ld) __builtin_prefetch(first, kWrite);
}

/// Columns all of whose windows lie inside of the map, from `x` on, without dilation.
template <int kColumns, int kTaps, int kStride>
void inner_columns(const Columns& columns, const KernelRows& rows, std::int64_t x) {
    const DepthwiseCall& call = columns.call;
    const std::int64_t ld = call.src_ld, step = rows.step;
    const int count = rows.end - rows.begin;
    const float* first = rows.first + x * ld;
    const bool ahead = call.ahead;
    for_lanes(columns.end - columns.begin, [&](std::int64_t i, auto lanes) {
        const std::int64_t c = columns.begin + i;
        Vec acc[kColumns];
        columns.start(c, lanes, acc);
        const float* row = first + c;
        const float* weights = columns.weights(c) + rows.begin * kTaps * kDepthwisePanel;
        for (int ky = 0; ky < count; ++ky, row += step, weights += kTaps * kDepthwisePanel) {
            const float* next = row;
            add_row<kColumns, kTaps, kStride>(weights, acc, [&next, ld, lanes] {
                const Vec value = load(next, lanes);
                next += ld;
                return value;
            });
        }
        if (ahead) {
            fetch<kColumns * kStride, 0>(row - step + ((kColumns - 1) * kStride + kTaps) * ld, ld);
            fetch<kColumns, 1>(call.dst + (columns.pixel + kColumns) * call.dst_ld + c, call.dst_ld);
        }
        columns.finish(c, lanes, acc);
    });
}

/// Columns at the border: pixels[ky][i] are their sources, without dilation.
template <int kColumns, int kTaps, int kStride>
void border_columns(const Columns& columns, const KernelRows& rows, const float* const* pixels) {
    constexpr int kPixels = (kColumns - 1) * kStride + kTaps;
    for_lanes(columns.end - columns.begin, [&](std::int64_t i, auto lanes) {
        const std::int64_t c = columns.begin + i;
        Vec acc[kColumns];
        columns.start(c, lanes, acc);
        const float* const* row = pixels;
        const float* weights = columns.weights(c) + rows.begin * kTaps * kDepthwisePanel;
        for (int ky = rows.begin; ky < rows.end; ++ky, row += kPixels, weights += kTaps * kDepthwisePanel) {
            const float* const* next = row;
            add_row<kColumns, kTaps, kStride>(weights, acc, [&next, i, lanes] { return load(*next++ + i, lanes); });
        }
        columns.finish(c, lanes, acc);
    });
}

/// Columns of any kernel: pixels[ky][kx][j] are their sources.
template <int kColumns>
void any_columns(const Columns& columns, const KernelRows& rows, const float* const* pixels) {
    const int taps = (rows.end - rows.begin) * columns.call.kw, before = rows.begin * columns.call.kw;
    for_lanes(columns.end - columns.begin, [&](std::int64_t i, auto lanes) {
        const std::int64_t c = columns.begin + i;
        Vec acc[kColumns];
        columns.start(c, lanes, acc);
        const float* weights = columns.weights(c) + before * kDepthwisePanel;
        const float* const* tap = pixels;
        for (int t = 0; t < taps; ++t, tap += kColumns, weights += kDepthwisePanel) {
            const Vec w = load(weights, AllLanes{});
#pragma GCC unroll 8
            for (int j = 0; j < kColumns; ++j) acc[j] = fma(load(tap[j] + i, lanes), w, acc[j]);
        }
        columns.finish(c, lanes, acc);
    });
}

/// Finds the channels from columns.begin on of a pixel in the row of src that begins at `line`; zeros outside.
inline const float* pixel_at(const Columns& columns, const float* line, std::int64_t x) {
    const DepthwiseCall& call = columns.call;
    return x >= 0 && x < call.iw ? line + x * call.src_ld + columns.begin : call.zeros;
}

/// Makes kColumns columns from `ox` on.
template <int kColumns>
void any_block(const Columns& columns, const KernelRows& rows, std::int64_t ox, const float** pixels) {
    const DepthwiseCall& call = columns.call;
    const float** next = pixels;
    const float* line = rows.first;
    for (int ky = rows.begin; ky < rows.end; ++ky, line += rows.step)
        for (int kx = 0; kx < call.kw; ++kx)
            for (int j = 0; j < kColumns; ++j)
                *next++ = pixel_at(columns, line, (ox + j) * call.stride_w - call.pad_w + kx * call.dilation_w);
    any_columns<kColumns>(columns, rows, pixels);
}

template <int kColumns, int kTaps, int kStride>
void block(const Columns& columns, const KernelRows& rows, std::int64_t ox, const float** pixels) {
    constexpr int kPixels = (kColumns - 1) * kStride + kTaps;
    const std::int64_t x = ox * kStride - columns.call.pad_w;
    if (x >= 0 && x + kPixels <= columns.call.iw) return inner_columns<kColumns, kTaps, kStride>(columns, rows, x);
    const float** next = pixels;
    const float* line = rows.first;
    for (int ky = rows.begin; ky < rows.end; ++ky, line += rows.step)
        for (int i = 0; i < kPixels; ++i) *next++ = pixel_at(columns, line, x + i);
    border_columns<kColumns, kTaps, kStride>(columns, rows, pixels);
}

using Block = void (*)(const Columns& columns, const KernelRows& rows, std::int64_t ox, const float** pixels);

/// Blocks of 1, 2, 4, 7 and 8 columns: maps are mostly 7 times a power of two wide.
struct Blocks {
    Block of[kDepthwiseColumns + 1];
};
template <int kTaps, int kStride>
constexpr Blocks kBlocks{{nullptr, block<1, kTaps, kStride>, block<2, kTaps, kStride>, nullptr,
                          block<4, kTaps, kStride>, nullptr, nullptr, block<7, kTaps, kStride>,
                          block<8, kTaps, kStride>}};
constexpr Blocks kAnyBlocks{
    {nullptr, any_block<1>, any_block<2>, nullptr, any_block<4>, nullptr, nullptr, any_block<7>, any_block<8>}};

inline const Blocks& blocks_of(const DepthwiseCall& call) {
    if (call.dilation_w != 1 || call.stride_w > 2) return kAnyBlocks;
    const bool two = call.stride_w == 2;
    switch (call.kw) {
        case 3:
            return two ? kBlocks<3, 2> : kBlocks<3, 1>;
        case 5:
            return two ? kBlocks<5, 2> : kBlocks<5, 1>;
        case 7:
            return two ? kBlocks<7, 2> : kBlocks<7, 1>;
        default:
            return kAnyBlocks;
    }
}

/// Returns the columns of the next block where `left` are left of `all`.
inline int next_columns(std::int64_t left, std::int64_t all) {
    if (all % 7 == 0) return 7;
    return left >= 8 ? 8 : left == 7 ? 7 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

void rows(const DepthwiseCall& call, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end,
          const float** pixels) {
    const Blocks& blocks = blocks_of(call);
    for (std::int64_t row = first; row < last; ++row) {
        const KernelRows inside(call, row);
        for (std::int64_t ox = 0; ox < call.ow;) {
            const int count = next_columns(call.ow - ox, call.ow);
            const std::int64_t pixel = row * call.ow + ox;
            blocks.of[count]({call, pixel, begin, end}, inside, ox, pixels);
            if (call.activate != nullptr) {
                float* dst = call.dst + pixel * call.dst_ld + begin;
                call.activate(call.activation, {count, end - begin, call.dst_ld, call.dst_ld}, dst, dst);
            }
            ox += count;
        }
    }
}

constexpr DepthwiseVariant kDepthwise{kIsa, rows};

}  // namespace
}  // namespace keel::kernels::simd
