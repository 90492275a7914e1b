#include "engine/speed/conv_cycles.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/dispatch.h"
#include "kernels/igemm/gather_plan.h"
#include "kernels/igemm/winograd.h"
#include "kernels/igemm/winograd_tiles.h"
#include "kernels/qconv/division.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/variants.h"

namespace keel::speed {
namespace {

using namespace kernels;

/// What inner loops reach of the rates of the ports, operands in the first two levels of cache: measured with each
/// kernel alone on a Zen 4 (bench_conv, int8_conv) and, of the f32 tile, on a Xeon as well (docs/performance.md).
constexpr double kTileShare = 0.93, kOuterShare = 0.93, kQuantizedShare = 0.95, kMatrixTileShare = 0.9;

/// Cycles of bookkeeping for a register tile, and for each of its pixels at each tap.
constexpr double kTileCycles = 40, kPixelCycles = 2;

/// Vector instructions for a vector of a result that an epilogue takes: moments forward, a batch norm's gradient in
/// backward data.
constexpr double kMomentsOps = 5, kGradientOps = 9;

double of(std::int64_t count) { return static_cast<double>(count); }

class Counter {
public:
    Counter(const Node& node, const Conv2dGeometry& g, ConvPass pass, const ConvTeam& team, Numbers numbers)
        : node_(node),
          rates_(node.rates),
          g_(g),
          pass_(pass),
          team_(team),
          word_(numbers == Numbers::bf16 ? 2 : 1),
          tiles_(numbers == Numbers::bf16 && node.rates.bf16_tiles > 0),
          lanes_(node.lanes()),
          tile_(tile_of(node.isa)),
          // Imitated, a word is two multiply-adds of f32, after two instructions that take it apart.
          multiply_adds_(numbers == Numbers::bf16 && node.rates.bf16 > 0 ? node.rates.bf16 / (4 * lanes_)
                         : numbers == Numbers::bf16                      ? node.rates.f32 / (2 * lanes_) / 3
                                                                         : node.rates.f32 / (2 * lanes_)) {}

    ConvCycles igemm() {
        if (pass_ == ConvPass::backward_weights) {
            weights(igemm_weights_work(g_, tile_.columns), false);
        } else if (pass_ == ConvPass::backward_data) {
            for (const auto& gather : igemm::backward_gathers(g_)) points(gather.conv);
            c_.other += of(g_.weights_elements()) / lanes_ * (1 / rates_.loads + 8);  // transposed, element by element
        } else {
            points(igemm::forward_gather(g_));
        }
        pairs(pass_ == ConvPass::infer ? 0 : of(g_.weights_elements()));
        return c_;
    }

    ConvCycles winograd() {
        const double weights_elements = of(kWinogradPositions * g_.ic * g_.oc);
        // 9 loads, some 50 sums and products, 16 stores of a vector of columns.
        const double transform = of(g_.ic * g_.oc) / lanes_ * std::max(50 / rates_.sums, 16 / rates_.stores);
        if (pass_ == ConvPass::backward_weights) {
            weights(winograd_weights_work(g_, tile_.columns), true);
            c_.other += transform;
            return c_;
        }
        const bool back = pass_ == ConvPass::backward_data;
        const Conv2dGeometry of_pass = back ? winograd_backward_geometry(g_) : g_;
        const WinogradTiles tiles(of_pass);
        const double count = of(tiles.count());
        c_.other += count * of(of_pass.ic) / lanes_ * source_cycles();
        const double rows = of(even_share(tiles.count(), tile_.rows));
        const double height = std::min(rows, of(tile_.rows));
        products(of(kWinogradPositions) * std::ceil(count / height) * of(of_pass.oc / tile_.columns), height,
                 of(of_pass.ic / word_));
        finish(of(kWinogradPositions) * count * of(of_pass.oc) / lanes_, 1);
        c_.other +=
            count * of(of_pass.oc) / lanes_ * std::max({24 / rates_.sums, 16 / rates_.loads, 4 / rates_.stores});
        c_.other += count * kWinogradPositions * kPixelCycles;
        sinks(of(of_pass.n * of_pass.oh() * of_pass.ow() * of_pass.oc));
        if (pass_ != ConvPass::infer) {
            c_.other += transform * (back ? 2 : 1);  // backward data turns them around first
            pairs(weights_elements);
        }
        return c_;
    }

    /// As oneDNN's kernels of few channels reach: its stem makes that share of the peak.
    ConvCycles onednn() {
        constexpr double kShare = 0.62;
        c_.products = of(g_.macs()) / (lanes_ * node_.rates.f32 / (2 * lanes_)) / kShare;
        return c_;
    }

private:
    /// Loads and stores of a vector that is copied.
    double copy_cycles() const { return std::max(1 / rates_.loads, 1 / rates_.stores); }
    /// A vector of the sixteen pixels under a Winograd tile: 32 sums.
    double source_cycles() const {
        return std::max({32 / rates_.sums, 16 / rates_.loads, 16 / rates_.stores}) +
               (word_ == 2 ? 32 / rates_.sums : 0);
    }

    /// `count` register tiles of `rows` rows over `depth` words.
    void products(double count, double rows, double depth) {
        if (tiles_) {  // two by two tiles of 16 x 16 sums and 16 words: as many loads as products
            const double sums = std::ceil(rows / 16) * of(tile_.columns) / 16;
            c_.products += count * sums * std::ceil(depth / 16) * 16 / kMatrixTileShare;
            return;
        }
        const double vectors = of(tile_.columns) / lanes_;
        const double cycles = std::max(rows * vectors / multiply_adds_, (rows + vectors) / rates_.loads);
        // A chain of multiply-adds takes four cycles a step.
        c_.products += count * depth * std::max(cycles, 4.0) / kTileShare;
    }

    /// Vectors of sums that leave the registers, `visits` times.
    void finish(double vectors, double visits) {
        c_.other += vectors * (visits / rates_.stores + (visits - 1) / rates_.loads);
    }

    /// Weights that each pass rounds to pairs of bf16.
    void pairs(double elements) {
        if (word_ == 2) c_.other += elements / lanes_ * 3;
    }

    void sinks(double elements) {
        if (word_ == 2) c_.other += elements / lanes_ * 3 / rates_.sums;  // rounding
        if (!team_.sinks) return;
        const double ops = pass_ == ConvPass::backward_data ? kGradientOps : kMomentsOps;
        c_.other += elements / lanes_ * ops / rates_.sums;
    }

    void points(const igemm::GatherConv& conv) {
        const GridDivision d = divide_points(conv.points(), conv.columns, tile_, team_.threads, team_.sinks);
        const double height = of(std::min(d.tile_rows, conv.points())), count = std::ceil(of(conv.points()) / height),
                     panels = of(d.panels), taps = of(std::ssize(conv.taps)), depth = of(conv.depth / word_);
        products(count * panels, height, depth * taps);
        const auto visits = of(std::ssize(igemm::depth_blocks(std::ssize(conv.taps), conv.depth / word_)));
        finish(count * height * of(conv.columns) / lanes_, visits);
        c_.other += count * visits * panels * kTileCycles / 4 + count * kTileCycles;
        c_.other += count * taps * height * kPixelCycles;
        // Rows of a tile that lie unevenly, or a power of two apart, are copied side by side.
        const bool apart = conv.depth * conv.step_w * 4 % 4096 == 0;
        double copied = apart ? 1 : 0;
        if (!apart && !conv.flat()) copied = std::min(1.0, height / of(conv.grid_w));
        c_.other += copied * count * height * taps * depth / lanes_ * copy_cycles() * 1.5;
        sinks(of(conv.points() * conv.columns));
    }

    /// The gradient of weights: both maps packed or transformed, then outer products.
    void weights(const WeightsWork& work, bool winograd) {
        const double pixels = of(work.rows * work.products) / of(word_);  // words of them, times taps or positions
        const double widths = std::ceil(of(work.ic) / of(tile_.rows)), panels = of(work.oc / tile_.columns);
        const double rows = of(work.ic) / widths;
        if (tiles_) {
            c_.products += std::ceil(of(work.ic) / 16) * std::ceil(of(work.oc) / 16) * std::ceil(pixels / 16) * 16 /
                           kMatrixTileShare;
        } else {
            const double vectors = of(tile_.columns) / lanes_;
            c_.products += widths * panels * pixels *
                           std::max(rows * vectors / multiply_adds_, (rows + vectors) / rates_.loads) / kOuterShare;
        }
        const double maps = of(work.rows * work.products) / lanes_;
        if (winograd) {  // positions are counted in products
            c_.other += maps / kWinogradPositions *
                        (of(work.ic) * source_cycles() + of(work.oc) * std::max(12 / rates_.sums, 16 / rates_.stores));
            return;
        }
        const double taps = of(std::int64_t{g_.kh} * g_.kw);
        c_.other += maps * of(work.ic) * copy_cycles() + maps / taps * of(work.oc) * copy_cycles();
        c_.other += of(work.rows) * taps * widths * 20;
    }

    const Node& node_;
    const CoreRates& rates_;
    const Conv2dGeometry& g_;
    ConvPass pass_;
    const ConvTeam& team_;
    std::int64_t word_;
    bool tiles_;
    double lanes_;
    TileShape tile_;
    double multiply_adds_;  ///< vectors a cycle
    ConvCycles c_;
};

/// What becomes of 16 sums takes so many vector instructions, and so many with a residual.
constexpr double kFinishOps = 5, kResidualOps = 3;

ConvCycles quantized(const Node& node, const Conv2dGeometry& g, const ConvTeam& team) {
    const Qconv conv(g, select(qconv_variants, node.isa));
    const QconvPlan& plan = conv.plan();
    const QconvDivision d = divide_qconv(plan, g.n, team.threads);
    const double points = of(d.tiling.points), rows = of(d.tiling.rows), tiles = std::ceil(points / rows);
    const double columns = of(g.groups * plan.columns()), vectors = columns / of(plan.variant->width);
    const double groups = of(plan.products()) / of(plan.variant->group);
    ConvCycles c;
    const double after = points * columns / 16 * (kFinishOps + kResidualOps / 3) / node.rates.sums * node.lanes() / 16;
    if (node.rates.int8_tiles > 0) {
        const double blocks = of(plan.segments) * std::ceil(of(plan.stored) / 64);
        const double by_two = rows > 16 ? 2 : 1, loads = by_two == 2 ? 1 : 1.25;
        c.products = tiles * by_two * vectors * blocks * std::max(16.0, 8 * loads * 2) / kMatrixTileShare;
        c.other = std::max(0.0, after - c.products) + 0.25 * std::min(after, c.products);
    } else {
        const double rate = node.rates.int8 / (2 * of(plan.variant->group) * of(plan.variant->width));
        const double most = of(plan.variant->vectors);
        const double loads = (rows + most) / most / node.rates.loads;
        c.products = tiles * vectors * groups * std::max({rows / rate, loads, 4 / most}) / kQuantizedShare;
        c.other = after;
    }
    c.other += tiles * std::ceil(vectors / of(plan.variant->vectors)) * kTileCycles;
    if (!plan.flat()) c.other += tiles * of(plan.segments) * rows * kPixelCycles;
    return c;
}

}  // namespace

ConvCycles conv_cycles(const Node& node, const Conv2dGeometry& g, ConvPass pass, const ConvTeam& team,
                       Numbers numbers) {
    const ConvAlgorithm algorithm = conv_algorithm(g, pass, node.isa);
    Counter counter(node, g, pass, team, algorithm == ConvAlgorithm::onednn ? Numbers::f32 : numbers);
    ConvCycles c = algorithm == ConvAlgorithm::qconv      ? quantized(node, g, team)
                   : algorithm == ConvAlgorithm::winograd ? counter.winograd()
                   : algorithm == ConvAlgorithm::igemm    ? counter.igemm()
                                                          : counter.onednn();
    const CoreRates& r = node.rates;
    const double ops = numbers == Numbers::int8   ? std::max(r.int8, r.int8_tiles)
                       : numbers == Numbers::bf16 ? std::max({r.bf16, r.bf16_tiles, r.f32})
                                                  : r.f32;
    c.peak = 2 * of(g.macs()) / ops;
    return c;
}

}  // namespace keel::speed
