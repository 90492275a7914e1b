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

// What kernels reach alone, on operands in the first two levels of cache, as measured on a Zen 4
// (bench/single_kernels): the numbers below are its cycles, of which a node takes as many fewer as its rates are
// higher.

/// Of the rate of multiply-adds in the inner loops: of f32 and bf16, of bytes, and of bytes widened to 16 bits, whose
/// products another instruction adds, by vectors; of matrix tiles, which nobody has measured, what their loads leave.
constexpr double kProductShare = 0.96, kQuantizedShare = 0.98, kWidenedShare = 0.72, kMatrixTileShare = 0.9;
/// Of a call of a register tile, of each panel of it, and of an outer product: chains that fill and drain, branches.
constexpr double kTileCycles = 150, kPanelCycles = 15, kOuterCycles = 130;
/// Of a pixel of a tile at a tap, and of a row of a packed map at a tap: where it is.
constexpr double kPixelCycles = 2, kRowCycles = 20;
/// Of a tile of Winograd's algorithm: where its twenty pixels are.
constexpr double kWinogradTileCycles = 250;
/// Vector instructions for 16 results that an epilogue takes: moments forward, a batch norm's gradient in backward
/// data.
constexpr double kMomentsOps = 7, kGradientOps = 30;
/// Vector instructions that round 16 values to bf16, to words of neighbors and to halves of words.
constexpr double kRoundOps = 4, kHalfOps = 6;
/// Cycles of an element of weights that is transposed, most of them the memory's.
constexpr double kTransposeCycles = 1.5;
/// oneDNN's convolutions of few channels, of the peak: forward, backward weights.
constexpr double kStemShare = 0.92;

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
          tile_(tile_of(node.isa, numbers == Numbers::bf16)),
          // Imitated, a word is two multiply-adds of f32, after two instructions that take it apart.
          multiply_adds_(numbers == Numbers::bf16 && node.rates.bf16 > 0 ? node.rates.bf16 / (4 * lanes_)
                         : numbers == Numbers::bf16                      ? node.rates.f32 / (2 * lanes_) / 3
                                                                         : node.rates.f32 / (2 * lanes_)) {}

    ConvCycles igemm() {
        if (pass_ == ConvPass::backward_weights) {
            weights(igemm_weights_work(g_, tile_.columns), false);
        } else if (pass_ == ConvPass::backward_data) {
            for (const auto& gather : igemm::backward_gathers(g_)) points(gather.conv);
            c_.other += of(g_.weights_elements()) * kTransposeCycles;
        } else {
            points(igemm::forward_gather(g_));
        }
        pairs(pass_ == ConvPass::infer ? 0 : of(g_.weights_elements()));
        return c_;
    }

    ConvCycles winograd() {
        const double kernels = of(g_.ic * g_.oc), transform = kernels / lanes_ * (50 / rates_.sums + 16 * written());
        if (pass_ == ConvPass::backward_weights) {
            weights(winograd_weights_work(g_, tile_.columns), true);
            c_.other += transform;
            return c_;
        }
        const bool back = pass_ == ConvPass::backward_data;
        const Conv2dGeometry of_pass = back ? winograd_backward_geometry(g_) : g_;
        const WinogradTiles tiles(of_pass);
        const double count = of(tiles.count()), results = count * of(of_pass.oc) / lanes_;
        c_.other += count * of(of_pass.ic) / lanes_ * source_cycles(false);
        const double height = of(std::min(tiles.count(), tile_.rows)),
                     calls = kWinogradPositions * std::ceil(count / height);
        products(calls, of(of_pass.oc / tile_.columns), height, of(of_pass.ic / word_));
        finish(kWinogradPositions * results, 1);
        c_.other += results * (24 / rates_.sums + 16 * read() + 4 * written());
        c_.other += count * kWinogradTileCycles;
        sinks(of(of_pass.n * of_pass.oh() * of_pass.ow() * of_pass.oc));
        if (pass_ != ConvPass::infer) {
            c_.other += transform + (back ? 9 * kernels * kTransposeCycles : 0);
            pairs(kWinogradPositions * kernels);
        }
        return c_;
    }

    ConvCycles onednn() {
        c_.products = 2 * of(g_.macs()) / rates_.f32 / kStemShare;
        return c_;
    }

private:
    /// Loads and stores of a vector that is copied.
    double copied() const { return 1 / rates_.loads + 1 / rates_.stores; }
    /// A vector that goes to the second-level cache, from which its line came, or comes from there.
    double written() const { return 2 * read(); }
    double read() const { return 4 * lanes_ / rates_.l2_bytes; }

    /// A vector of channels of the sixteen pixels under a Winograd tile: 32 sums, 16 stores far from one another, of
    /// bf16 as words of neighbors, or of two tiles, of which the second finds the words in the first-level cache.
    double source_cycles(bool of_weights) const {
        if (word_ == 1) return 32 / rates_.sums + 16 * written();
        return (32 + 16 * kRoundOps) / rates_.sums + (of_weights ? 16 : 8) * written();
    }
    double gradient_cycles() const { return (word_ == 1 ? 24 : 24 + 16 * kHalfOps) / rates_.sums + 16 * written(); }

    /// `calls` register tiles of `rows` rows over `depth` words, each of some panels.
    void products(double calls, double panels, double rows, double depth) {
        if (tiles_) {  // two by two tiles of 16 x 16 sums and 16 words: as many loads as products
            const double sums = std::ceil(rows / 16) * of(tile_.columns) / 16;
            c_.products += calls * panels * sums * std::ceil(depth / 16) * 16 / kMatrixTileShare;
        } else {
            const double vectors = of(tile_.columns) / lanes_;
            const double cycles = std::max(rows * vectors / multiply_adds_, (rows + vectors) / rates_.loads);
            // A chain of multiply-adds takes four cycles a step.
            c_.products += calls * panels * depth * std::max(cycles, 4.0) / kProductShare;
        }
        c_.other += calls * (kTileCycles + panels * kPanelCycles);
    }

    /// Vectors of sums that leave the registers, `visits` times.
    void finish(double vectors, double visits) {
        c_.other += vectors * (visits / rates_.stores + (visits - 1) / rates_.loads);
    }

    /// Weights that each pass rounds to pairs of bf16.
    void pairs(double elements) {
        if (word_ == 2) c_.other += elements / lanes_ * (2 * kRoundOps / rates_.sums + copied());
    }

    void sinks(double elements) {
        if (word_ == 2) c_.other += elements / lanes_ * (kRoundOps / rates_.sums + copied());
        if (!team_.sinks) return;
        const double ops = pass_ == ConvPass::backward_data ? kGradientOps : kMomentsOps;
        c_.other += elements / lanes_ * ops / rates_.sums;
    }

    void points(const igemm::GatherConv& conv) {
        const GridDivision d = divide_points(conv.points(), conv.columns, tile_, team_.threads, team_.sinks);
        const double height = of(std::min(d.tile_rows, conv.points())), count = std::ceil(of(conv.points()) / height),
                     taps = of(std::ssize(conv.taps)), depth = of(conv.depth / word_);
        const auto visits = of(std::ssize(igemm::depth_blocks(std::ssize(conv.taps), conv.depth / word_)));
        products(count * visits, of(d.panels), height, depth * taps / visits);
        finish(count * height * of(conv.columns) / lanes_, visits);
        c_.other += count * taps * height * kPixelCycles;
        // Rows of a tile that lie unevenly, or a power of two apart, are copied side by side.
        const bool apart = conv.depth * conv.step_w * 4 / word_ % 4096 == 0;
        const double uneven = conv.flat() ? 0 : std::min(1.0, height / of(conv.grid_w));
        c_.other += (apart ? 1 : uneven) * count * height * taps * depth / lanes_ * copied() * 1.4;
        sinks(of(conv.points() * conv.columns));
    }

    /// The gradient of weights: both maps packed or transformed, then outer products.
    void weights(const WeightsWork& work, bool winograd) {
        const double pixels = of(work.rows * work.products) / of(word_);  // words of them, times taps or positions
        const double widths = std::ceil(of(work.ic) / of(tile_.rows)), panels = of(work.oc / tile_.columns);
        const double rows = of(work.ic) / widths, vectors = of(tile_.columns) / lanes_;
        if (tiles_)
            c_.products += std::ceil(of(work.ic) / 16) * std::ceil(of(work.oc) / 16) * std::ceil(pixels / 16) * 16 /
                           kMatrixTileShare;
        else
            c_.products += widths * panels * pixels *
                           std::max(rows * vectors / multiply_adds_, (rows + vectors) / rates_.loads) / kProductShare;
        // Products are read and written once for a block of pixels: some 128, of words.
        const double blocks = std::ceil(pixels / 128);
        c_.other += blocks * widths * panels * (rows * vectors * copied() + kOuterCycles);
        const double maps = of(work.rows * work.products) / lanes_;
        if (winograd) {  // positions are counted in products
            c_.other += of(work.rows * work.products / kWinogradPositions) * kWinogradTileCycles;
            c_.other +=
                maps / kWinogradPositions * (of(work.ic) * source_cycles(true) + of(work.oc) * gradient_cycles());
            return;
        }
        const double taps = of(std::int64_t{g_.kh} * g_.kw), round = word_ == 2 ? 8 / rates_.sums : 0;
        const double packs = tiles_ && packs_rows_once(g_, word_) ? 1 / of(g_.kh) : 1;  // of all taps
        c_.other += packs * maps * of(work.ic) * (1.6 * copied() + round) + maps / taps * of(work.oc) * 1.4 * copied();
        c_.other += of(work.rows) * taps * widths * kRowCycles;
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

/// Vector instructions of Winograd's transforms of integers, with loads and stores: for each position, of s16 and of
/// sums.
constexpr double kTransformOps = 8;

ConvCycles quantized(const Node& node, const Conv2dGeometry& g, const ConvTeam& team) {
    const Qconv conv(g, select(qconv_variants, node.isa));
    const QconvPlan& plan = conv.plan();
    const QconvDivision d = divide_qconv(plan, g.n, team.threads);
    const double points = of(d.tiling.points), rows = of(d.tiling.rows), tiles = std::ceil(points / rows);
    const double columns = of(g.groups * plan.columns()), vectors = columns / of(plan.variant->width);
    // Winograd's algorithm has products of s16, two to a group, whatever the direct sum has.
    const double groups =
        plan.winograd != 0 ? of(plan.positions() * plan.depth) / 2 : of(plan.products()) / of(plan.variant->group);
    ConvCycles c;
    const double after = of(g.n * g.oh() * g.ow()) * columns / 16 * (kFinishOps + kResidualOps / 3) / node.rates.sums *
                         node.lanes() / 16;
    if (node.rates.int8_tiles > 0) {
        const double blocks = of(plan.segments) * std::ceil(of(plan.stored) / 64);
        const double by_two = rows > 16 ? 2 : 1, loads = by_two == 2 ? 1 : 1.25;
        c.products = tiles * by_two * vectors * blocks * std::max(16.0, 8 * loads * 2) / kMatrixTileShare;
        c.other = std::max(0.0, after - c.products) + 0.25 * std::min(after, c.products);
    } else {
        const double rate = node.rates.int8 / (2 * of(plan.variant->group) * of(plan.variant->width));
        const double most = of(plan.panel() / plan.variant->width);
        const double loads = (rows + most) / most / node.rates.loads;
        c.products = tiles * vectors * groups * std::max({rows / rate, loads, 4 / most}) /
                     (plan.variant->bytes == 1 ? kQuantizedShare : kWidenedShare);
        c.other = after;
    }
    if (plan.winograd != 0) {
        const double calls = tiles * of(plan.positions()) * std::ceil(vectors / of(plan.panel() / plan.variant->width));
        c.other += calls * 40 + of(d.tiling.points) * of(plan.positions()) * kTransformOps / node.rates.sums *
                                    (of(plan.depth) / node.lanes() / 2 + vectors);
        return c;
    }
    c.other += tiles * std::ceil(vectors / of(plan.variant->vectors)) * 40;
    if (!plan.flat()) c.other += tiles * of(plan.segments) * rows * kPixelCycles;
    return c;
}

}  // namespace

ConvCycles conv_cycles(const Node& node, const Conv2dGeometry& g, ConvPass pass, const ConvTeam& team,
                       Numbers numbers) {
    const ConvAlgorithm algorithm = conv_algorithm(g, pass, node.isa, team.halves);
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
