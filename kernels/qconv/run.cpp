// The loop over the tiles of a convolution of quantized values.
#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/qconv/pixel_tile.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qconv/winograd.h"
#include "kernels/replicas.h"
#include "kernels/scratch.h"
#include "kernels/variant_state.h"

namespace keel::kernels {
namespace {

using namespace qconv;

/// Weights that stay in the second-level cache while all tiles pass by. Where few tiles do, what counts is how soon
/// weights come from memory: fewer of them at a time, the next ones fetched meanwhile.
constexpr std::int64_t kBlockBytes = 512 << 10, kStreamedBytes = 64 << 10, kFewTiles = 64;
/// Multiplies tiles with panels; those of all groups are counted through. `memory` is that of a part.
void run_part(const QconvCall& call, const Tiling& tiling, Range tiles, Range panels, std::byte* memory) {
    if (call.plan.winograd != 0) return run_winograd(call, tiling, tiles, panels, memory);
    void* state = memory + call.gathered_bytes();
    const VariantState kept(call.v, state);
    const std::int64_t of_group = call.plan.panels(), panel_bytes = call.plan.weight_bytes(call.plan.panel());
    const std::int64_t bytes = tiles.size() <= kFewTiles ? kStreamedBytes : kBlockBytes;
    const std::int64_t most = std::max<std::int64_t>(1, bytes / panel_bytes);
    for (std::int64_t first = panels.begin; first < panels.end;) {
        const std::int64_t group = first / of_group, end = std::min(panels.end, (group + 1) * of_group);
        const std::int64_t last = first + even_share(end - first, most);
        PixelTile tile(call, group, memory, state);
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
                dst * ((o.dst.data != nullptr ? 1 : 4) + (o.residual.data != nullptr ? 1 : 0)),
            profile::ConvWork{g, false}};
}

}  // namespace

void Qconv::run(std::int64_t n, const QconvOperands& operands) const {
    Conv2dGeometry g = plan_.g;
    g.n = n;
    check_geometry(g);
    require_f32("qconv", "the floats", operands.floats.type);
    const profile::Span span("qconv", cost_of(g, operands));
    QconvCall call(plan_, n, operands);
    QconvDivision division = divide_qconv(plan_, n, thread_count());
    division.cut(g.macs());
    const std::size_t zeros = section(static_cast<std::size_t>(g.ic));
    const std::size_t part_bytes = plan_.winograd == 0 ? call.part_bytes() : winograd_part_bytes(call, division);
    const PartPlaces places(division.parts());
    std::byte* memory = scratch(zeros + static_cast<std::size_t>(places.count) * part_bytes);
    std::memset(memory, 0, zeros);
    call.pad = operands.pad != nullptr ? operands.pad : reinterpret_cast<const std::uint8_t*>(memory);
    parallel_parts(division.parts(), [&](std::int64_t begin, std::int64_t end) {
        std::optional<QconvCall> nearer;
        if (const std::ptrdiff_t distance = near_copy(operands.packed) - operands.packed; distance != 0)
            nearer.emplace(call).move_panels(distance);
        for (std::int64_t i = begin; i < end; ++i)
            run_part(nearer ? *nearer : call, division.tiling, division.tiles_of(i), division.panels_of(i),
                     memory + zeros + static_cast<std::size_t>(places.of(i)) * part_bytes);
    });
}

}  // namespace keel::kernels
