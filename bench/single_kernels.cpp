// The parts that convolutions of f32 and bf16 are made of, each alone on operands in the first two levels of cache, in
// cycles of one core: what the model of speed (engine/speed/conv_cycles.cpp) takes for what the rates of the ports
// leave out. A vector is 16 values.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "bench/seconds_of.h"
#include "engine/speed/node.h"
#include "kernels/dispatch.h"
#include "kernels/igemm/variant_state.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/parallel.h"

namespace {

using namespace keel;
using namespace keel::kernels;

constexpr std::int64_t kVector = 16, kFloats = 32 << 20, kLeast = 64;

/// One kind of words on this machine.
class Parts {
public:
    Parts(const IgemmVariant& variant, bool halves, double ghz)
        : v_(variant), word_(halves ? 2 : 1), ghz_(ghz), memory_(kFloats + kLeast, 0.5F), state_(variant) {
        base_ = memory_.data();
        while (reinterpret_cast<std::uintptr_t>(base_) % kLeast != 0) ++base_;
    }

    void run() {
        for (const std::int64_t depth : {32, 64, 128, 256}) tile(depth);
        for (const std::int64_t channels : {64, 128, 256}) transforms(channels);
        for (const std::int64_t pixels : {32, 64, 128, 256}) outer(pixels);
        pack();
    }

private:
    double cycles(const std::function<void()>& body) const {
        body();
        double least = 1e9;
        for (int turn = 0; turn < 7; ++turn) {
            constexpr double kSeconds = 3e-3;
            int count = 1;
            double seconds = 0;
            for (; seconds < kSeconds; count *= 2)
                seconds = seconds_of([&] {
                    for (int i = 0; i < count; ++i) body();
                });
            least = std::min(least, seconds / (count / 2));
        }
        return 1e9 * ghz_ * least;
    }
    void line(const std::string& what, double value) const { std::printf("  %-52s %9.1f\n", what.c_str(), value); }
    const void* channel(std::int64_t pixel, std::int64_t channels) const { return base_ + pixel * channels / word_; }

    void tile(std::int64_t depth) {
        constexpr std::int64_t kPanels = 8;
        std::array<float*, 32> dst{};
        for (std::size_t r = 0; r < dst.size(); ++r)
            dst[r] = base_ + (16 << 20) + static_cast<std::int64_t>(r) * kPanels * v_.columns;
        const IgemmSource src{base_, depth + kVector};
        IgemmTile t{};
        t.rows = v_.rows;
        t.src = &src;
        t.taps = 1;
        t.depth = depth;
        t.weights = base_ + (8 << 20);
        t.weights_panel = depth * v_.columns;
        t.panels = kPanels;
        t.dst = dst.data();
        t.state = state_.memory();
        line("tile, 8 panels of " + std::to_string(depth) + " words: a panel", cycles([&] { v_.tile(t); }) / kPanels);
    }

    void outer(std::int64_t pixels) {
        constexpr std::int64_t kCount = 32;
        const std::int64_t length = pixels / word_;
        const auto body = [&] {
            for (std::int64_t i = 0; i < kCount; ++i) {
                IgemmOuter t{};
                t.rows = v_.rows;
                t.a = base_ + i % 8 * (length * v_.rows + v_.columns);
                t.b = base_ + (8 << 20) + i / 8 * (length * v_.columns + v_.columns);
                t.b_row = length;
                t.length = length;
                t.a_step = v_.rows;
                t.fetch = base_;
                t.fetch_every = length;
                t.weights = base_ + (16 << 20) + i * v_.rows * v_.columns;
                t.accumulate = true;
                t.state = state_.memory();
                v_.outer(t);
            }
        };
        line("outer product of " + std::to_string(pixels) + " pixels", cycles(body) / kCount);
    }

    void transforms(std::int64_t channels) {
        constexpr std::int64_t kTiles = 48, kWidth = 2 * kTiles + 2;
        const double vectors = static_cast<double>(kTiles * channels / kVector);
        float* to = base_ + (8 << 20);
        const auto source = [&](bool of_weights) {
            WinogradSource t{};
            t.src = channel(0, channels);
            t.row = kWidth * channels;
            t.pixel = channels;
            t.rows_end = 4;
            t.columns_end = kWidth;
            t.tiles = kTiles;
            t.depth = channels;
            t.scale = base_ + (12 << 20);
            t.shift = t.scale + channels;
            t.relu = true;
            t.v = to;
            t.v_tile = of_weights ? channels : channels / word_;
            t.v_position = position_stride(kTiles * t.v_tile);
            t.half = of_weights ? WordHalf::lower : WordHalf::neighbors;
            v_.winograd_source(t);
        };
        const std::string of = ", " + std::to_string(channels) + " channels: a vector";
        line("Winograd's source" + of, cycles([&] { source(false); }) / vectors);
        line("Winograd's source for weights" + of, cycles([&] { source(true); }) / vectors);
        const auto gradient = [&] {
            WinogradGradient t{};
            t.diff = channel(0, channels);
            t.row = kWidth * channels;
            t.pixel = channels;
            t.rows_end = 2;
            t.columns_end = 2 * kTiles;
            t.tiles = kTiles;
            t.columns = channels;
            t.panel_columns = v_.columns;
            t.z = to;
            t.z_position = position_stride(kTiles * channels);
            t.z_panel = kTiles * v_.columns;
            t.half = WordHalf::lower;
            v_.winograd_gradient(t);
        };
        line("Winograd's gradient" + of, cycles(gradient) / vectors);
        const auto result = [&] {
            for (std::int64_t tile = 0; tile < kTiles; ++tile) {
                WinogradResult t{};
                t.m = base_ + tile * channels;
                t.m_position = kTiles * channels;
                t.columns = channels;
                for (int i = 0; i < 4; ++i) t.dst[i] = to + (i / 2 * kWidth + 2 * tile + i % 2) * channels;
                v_.winograd_result(t);
            }
        };
        line("Winograd's result" + of, cycles(result) / vectors);
    }

    void pack() {
        constexpr std::int64_t kPixels = 224, kChannels = 128;
        const double vectors = static_cast<double>(kPixels * kChannels / kVector);
        const std::vector<float> factors(kChannels, 1.0F);
        const auto packed = [&](std::int64_t width, bool affine) {
            const float* k = affine ? factors.data() : nullptr;
            v_.pack({0, kPixels, kChannels, width, base_, kChannels, base_ + (8 << 20),
                     kPixels / word_ * width + v_.columns, k, k, affine});
        };
        line("pixels packed by rows: a vector", cycles([&] { packed(v_.rows, false); }) / vectors);
        line("the same through an affine", cycles([&] { packed(v_.rows, true); }) / vectors);
        line("pixels packed by columns", cycles([&] { packed(v_.columns, false); }) / vectors);
    }

    const IgemmVariant& v_;
    std::int64_t word_;
    double ghz_;
    std::vector<float> memory_;
    float* base_;
    IgemmState state_;
};

}  // namespace

int main() {
    set_thread_count(1);
    const speed::Node node = speed::this_node();
    std::printf("%s, %.2f GHz\nf32\n", node.title.c_str(), node.ghz);
    Parts(select(igemm_variants), false, node.ghz).run();
    std::printf("bf16\n");
    Parts(select(igemm_bf16_variants).words, true, node.ghz).run();
    return 0;
}
