// The walk over the tiles of a convolution of codes.
#include <algorithm>
#include <cstring>

#include "kernels/igemm/split.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/tile.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

using namespace qconv;

/// Weights that stay in the second-level cache while all tiles pass by. Where few tiles do, what counts is how soon weights come
/// from memory: fewer of them at a time, the next ones fetched meanwhile.
constexpr std::int64_t kBlockBytes = 512 << 10, kStreamedBytes = 64 << 10, kFewTiles = 64;

/// The panels of all groups are counted through.
void run_part(const Job& job, const Tiling& tiling, Range tiles, Range panels, std::byte* memory) {
    const std::int64_t of_group = job.plan.panels(), panel_bytes = job.plan.weight_bytes(job.plan.panel());
    const std::int64_t bytes = tiles.size() <= kFewTiles ? kStreamedBytes : kBlockBytes;
    const std::int64_t most = std::max<std::int64_t>(1, bytes / panel_bytes);
    for (std::int64_t first = panels.begin; first < panels.end;) {
        const std::int64_t group = first / of_group, end = std::min(panels.end, (group + 1) * of_group);
        const std::int64_t last = first + even_share(end - first, most);
        Tile tile(job, group, memory);
        for (std::int64_t i = tiles.begin; i < tiles.end; ++i) {
            const Range points = tiling.tile(i);
            if (points.size() <= 0) break;
            tile.locate(points);
            tile.multiply({first, last}, last - first, panels.end, i - tiles.begin, tiles.size());
        }
        first = last;
    }
}

profile::Cost cost_of(const Conv2dGeometry& g, const QconvOperands& o) {
    const auto dst = static_cast<double>(g.n * g.oh() * g.ow() * g.oc);
    return {2.0 * static_cast<double>(g.macs()),
            static_cast<double>(g.n * g.ih * g.iw * g.ic + g.weights_elements()) +
                dst * ((o.dst.data != nullptr ? 1 : 4) + (o.residual.data != nullptr ? 1 : 0))};
}

}  // namespace

void Qconv::run(std::int64_t n, const QconvOperands& operands) const {
    Conv2dGeometry g = plan_.g;
    g.n = n;
    check_geometry(g);
    require_f32("qconv", "the floats", operands.floats.type);
    const profile::Span span("qconv", cost_of(g, operands));
    Job job(plan_, n, operands);
    const std::int64_t panels = g.groups * plan_.panels();
    const Split split = split_units(chunk_count(job.points, job.most_rows), panels, thread_count());
    const std::int64_t even = chunk_count(job.points, split.rows);
    const bool by_rows = plan_.merged || (!job.flat && 4 * even_share(g.ow(), job.most_rows) >= 3 * job.most_rows);
    const Tiling tiling(job.points, by_rows ? g.ow() : even, job.most_rows);
    const std::size_t zeros = section(static_cast<std::size_t>(g.ic));
    std::byte* memory = scratch(zeros + static_cast<std::size_t>(split.parts()) * job.gathered_bytes());
    std::memset(memory, 0, zeros);
    job.pad = operands.pad != nullptr ? operands.pad : reinterpret_cast<const std::uint8_t*>(memory);
    parallel_for(split.parts(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            run_part(job, tiling, part(tiling.tiles(), split.rows, i / split.columns),
                     part(panels, split.columns, i % split.columns),
                     memory + zeros + static_cast<std::size_t>(i) * job.gathered_bytes());
    });
}

}  // namespace keel::kernels
