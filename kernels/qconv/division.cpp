#include "kernels/qconv/division.h"

#include "kernels/igemm/division.h"
#include "kernels/qconv/variants.h"

namespace keel::kernels {

QconvDivision divide_qconv(const QconvPlan& plan, std::int64_t n, std::int64_t threads) {
    const Conv2dGeometry& g = plan.g;
    if (plan.winograd != 0) {
        const std::int64_t edge = plan.winograd, points = n * chunk_count(g.oh(), edge) * chunk_count(g.ow(), edge);
        const GridDivision grid = divide_points(points, plan.panels() * plan.panel(),
                                                {plan.variant->winograd->rows, plan.panel()}, threads, false);
        return {Tiling(points, points, grid.tile_rows), plan.panels(), grid.split};
    }
    const std::int64_t points = n * g.oh() * g.ow(), panels = g.groups * plan.panels(), most = plan.most_rows();
    const Split split = split_units(chunk_count(points, most), panels, threads);
    const std::int64_t even = chunk_count(points, split.rows);
    const bool by_rows = plan.merged || (!plan.flat() && 4 * even_share(g.ow(), most) >= 3 * most);
    return {Tiling(points, by_rows ? g.ow() : even, most), panels, split};
}

}  // namespace keel::kernels
