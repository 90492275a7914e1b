#include "kernels/routing/conv_division.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <utility>

#include "kernels/dispatch.h"
#include "kernels/igemm/gather_plan.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd.h"
#include "kernels/onednn/cut.h"
#include "kernels/qconv/division.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/variants.h"
#include "kernels/routing/choice.h"

namespace keel::kernels {
namespace {

/// Adds to each part its share of `rows` x `panels` equal units that are worth `macs` together.
void add_grid(const GridDivision& d, double macs, ConvDivision& to) {
    const std::int64_t rows = d.chunks.end(d.chunks.count() - 1);
    to.macs.resize(std::max(to.macs.size(), static_cast<std::size_t>(d.split.parts())));
    for (std::int64_t i = 0; i < d.split.parts(); ++i) {
        const Range chunks = d.chunks_of(i);
        const auto own =
            static_cast<double>((d.chunks.end(chunks.end - 1) - d.chunks.begin(chunks.begin)) * d.panels_of(i).size());
        to.macs[static_cast<std::size_t>(i)] += macs * own / static_cast<double>(rows * d.panels);
    }
    to.chunks += d.chunks.count() * d.panels;
}

ConvDivision divide_weights(const Conv2dGeometry& g, const ConvTeam& team, ConvAlgorithm algorithm) {
    const TileShape tile = tile_of(team.isa, team.halves);
    const WeightsWork work = algorithm == ConvAlgorithm::winograd ? winograd_weights_work(g, tile.columns)
                                                                  : igemm_weights_work(g, tile.columns);
    const WeightsPlan plan = plan_weights(work, tile, team.threads, false);
    ConvDivision result{algorithm, plan.groups * chunk_count(work.ic, tile.rows) * (work.oc / tile.columns)};
    const double of_one =
        static_cast<double>(g.macs()) / (static_cast<double>(work.rows) * static_cast<double>(work.ic * work.oc));
    const std::int64_t busy = std::min<std::int64_t>(team.threads, plan.parts());
    for (std::int64_t thread = 0; thread < busy; ++thread) {
        double macs = 0;
        const Range own = part(plan.parts(), busy, thread);
        for (std::int64_t i = own.begin; i < own.end; ++i) {
            const WeightsShare share = weights_share(work, plan, tile, i);
            macs += of_one * static_cast<double>(share.rows.size()) *
                    static_cast<double>(share.ic.size() * share.oc.size());
        }
        result.macs.push_back(macs);
    }
    return result;
}

ConvDivision divide_quantized(const Conv2dGeometry& g, const ConvTeam& team) {
    const Qconv conv(g, select(qconv_variants, team.isa));
    const QconvDivision d = divide_qconv(conv.plan(), g.n, team.threads);
    ConvDivision result{ConvAlgorithm::qconv, d.tiling.tiles() * d.panels};
    for (std::int64_t i = 0; i < d.split.parts(); ++i) {
        std::int64_t rows = 0;
        for (std::int64_t tile = d.tiles_of(i).begin; tile < d.tiles_of(i).end; ++tile)
            rows += std::max<std::int64_t>(0, d.tiling.tile(tile).size());
        result.macs.push_back(static_cast<double>(g.macs()) * static_cast<double>(rows * d.panels_of(i).size()) /
                              static_cast<double>(d.tiling.points * d.panels));
    }
    return result;
}

/// oneDNN's kernels run pieces, of which each part takes some.
ConvDivision divide_pieces(const Conv2dGeometry& g, ConvPass pass, std::int64_t threads) {
    const bool forward = pass == ConvPass::infer || pass == ConvPass::forward;
    const std::int64_t most = pass == ConvPass::backward_weights ? onednn::most_partials(g.weights_elements()) : g.n;
    const std::vector<onednn::Piece> pieces = forward ? onednn::cut(g) : onednn::cut_images(g, most);
    const auto count = std::ssize(pieces), parts = std::min<std::int64_t>(threads, count);
    ConvDivision result{ConvAlgorithm::onednn, count};
    for (std::int64_t i = 0; i < parts; ++i) {
        double macs = 0;
        for (std::int64_t piece = part(count, parts, i).begin; piece < part(count, parts, i).end; ++piece)
            macs += static_cast<double>(pieces[static_cast<std::size_t>(piece)].geometry.macs());
        result.macs.push_back(macs);
    }
    return result;
}

}  // namespace

std::string_view name_of(ConvPass pass) {
    constexpr std::array<std::string_view, 5> kNames{"infer", "forward", "backward data", "backward weights", "int8"};
    return kNames.at(static_cast<std::size_t>(pass));
}

std::string_view name_of(ConvAlgorithm algorithm) {
    constexpr std::array<std::string_view, 4> kNames{"igemm", "winograd", "qconv", "onednn"};
    return kNames.at(static_cast<std::size_t>(algorithm));
}

double ConvDivision::total() const { return std::accumulate(macs.begin(), macs.end(), 0.0); }
double ConvDivision::largest() const { return macs.empty() ? 0 : *std::max_element(macs.begin(), macs.end()); }

TileShape tile_of(const Isa& isa, bool halves) {
    const IgemmVariant& variant = halves ? select(igemm_bf16_variants, isa).words : select(igemm_variants, isa);
    return {variant.rows, variant.columns, variant.row_unit};
}

ConvAlgorithm conv_algorithm(const Conv2dGeometry& g, ConvPass pass, const Isa& isa, bool halves) {
    if (pass == ConvPass::quantized) return ConvAlgorithm::qconv;
    const DType type = halves ? DType::bf16 : DType::f32;
    if (pass == ConvPass::infer) {
        if (!forwards_own(g, isa)) return ConvAlgorithm::onednn;
        return winograd_wins_transformed(g, isa, type) ? ConvAlgorithm::winograd : ConvAlgorithm::igemm;
    }
    if (!igemm_serves(g, igemm_columns(isa)) || isa == Isa::scalar) return ConvAlgorithm::onednn;
    return winograd_wins(g, isa, type) ? ConvAlgorithm::winograd : ConvAlgorithm::igemm;
}

ConvDivision divide_conv(const Conv2dGeometry& g, ConvPass pass, const ConvTeam& team) {
    check_geometry(g);
    const ConvAlgorithm algorithm = conv_algorithm(g, pass, team.isa, team.halves);
    if (algorithm == ConvAlgorithm::qconv) return divide_quantized(g, team);
    if (algorithm == ConvAlgorithm::onednn) return divide_pieces(g, pass, team.threads);
    if (pass == ConvPass::backward_weights) return divide_weights(g, team, algorithm);
    const TileShape tile = tile_of(team.isa, team.halves);
    const auto macs = static_cast<double>(g.macs());
    ConvDivision result{algorithm, 0};
    if (algorithm == ConvAlgorithm::winograd) {
        const Conv2dGeometry& of = pass == ConvPass::backward_data ? winograd_backward_geometry(g) : g;
        add_grid(divide_winograd(of, tile, team.threads, team.sinks), macs, result);
        return result;
    }
    if (pass != ConvPass::backward_data) {
        const igemm::GatherConv conv = igemm::forward_gather(g);
        add_grid(divide_points(conv.points(), conv.columns, tile, team.threads, team.sinks), macs, result);
        return result;
    }
    const std::vector<igemm::BackwardGather> gathers = igemm::backward_gathers(g);
    double all = 0;
    for (const auto& [conv, taps] : gathers) all += static_cast<double>(conv.points() * std::ssize(taps));
    for (const auto& [conv, taps] : gathers)
        add_grid(divide_points(conv.points(), conv.columns, tile, team.threads, team.sinks),
                 macs * static_cast<double>(conv.points() * std::ssize(taps)) / all, result);
    return result;
}

}  // namespace keel::kernels
