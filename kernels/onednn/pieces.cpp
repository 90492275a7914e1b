#include "kernels/onednn/pieces.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kernels/onednn/runtime.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels::onednn {
namespace {

// Multiply-accumulates of a piece: of rows, where a piece has a border that two of them read, and of whole images.
constexpr std::int64_t kRowMacs = std::int64_t{8} << 20, kImageMacs = std::int64_t{2} << 20;

/// Whether each window meets the map, so that rows of the result leave rows to read.
bool windows_meet_rows(const Conv2dGeometry& g) {
    const std::int64_t window = std::int64_t{g.dilation_h} * (g.kh - 1) + 1;
    return g.pad_h < window && g.pad_h + g.far_h < window;
}

/// The rows [begin, end) of the result of one image.
Piece rows_of(const Conv2dGeometry& g, std::int64_t image, std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * g.stride_h - g.pad_h,
                       last = (end - 1) * g.stride_h - g.pad_h + std::int64_t{g.dilation_h} * (g.kh - 1) + 1;
    const std::int64_t from = std::max<std::int64_t>(first, 0), to = std::min(last, g.ih);
    Piece piece{image, begin, from, g};
    piece.geometry.n = 1;
    piece.geometry.ih = to - from;
    piece.geometry.pad_h = static_cast<int>(from - first);
    piece.geometry.far_h = static_cast<int>(last - to) - piece.geometry.pad_h;
    return piece;
}

}  // namespace

Conv2dGeometry typical(const Conv2dGeometry& g) {
    const std::vector<Piece> pieces = cut(g);
    return pieces[pieces.size() / 2].geometry;
}

std::vector<Piece> cut_images(const Conv2dGeometry& g, std::int64_t most) {
    check_geometry(g);
    const std::int64_t macs = std::max<std::int64_t>(g.macs(), 1),
                       count = std::clamp<std::int64_t>(macs / kImageMacs, 1, std::min(g.n, most));
    std::vector<Piece> pieces;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t begin = g.n * i / count;
        pieces.push_back({begin, 0, 0, g});
        pieces.back().geometry.n = g.n * (i + 1) / count - begin;
    }
    return pieces;
}

std::vector<Piece> cut(const Conv2dGeometry& g) {
    check_geometry(g);
    Conv2dGeometry one = g;
    one.n = 1;
    const std::int64_t bands = std::clamp<std::int64_t>(one.macs() / kRowMacs, 1, g.oh());
    if (bands > 1 && windows_meet_rows(g)) {
        const std::int64_t rows = chunk_count(g.oh(), bands);
        std::vector<Piece> pieces;
        for (std::int64_t image = 0; image < g.n; ++image)
            for (std::int64_t row = 0; row < g.oh(); row += rows)
                pieces.push_back(rows_of(g, image, row, std::min(row + rows, g.oh())));
        return pieces;
    }
    // Of a size that n does not change, but for the last: neither does n change a plan.
    const std::int64_t images = chunk_count(kImageMacs, std::max<std::int64_t>(one.macs(), 1));
    std::vector<Piece> pieces;
    for (std::int64_t image = 0; image < g.n; image += images) {
        pieces.push_back({image, 0, 0, g});
        pieces.back().geometry.n = std::min(images, g.n - image);
    }
    return pieces;
}

PieceRun::PieceRun(std::vector<Piece> pieces, const std::function<PlanKey(const Conv2dGeometry&)>& key)
    : pieces_(std::move(pieces)) {
    std::map<Conv2dGeometry, std::shared_ptr<const Plan>> made;
    for (const Piece& piece : pieces_) {
        auto& plan = made[piece.geometry];
        if (plan == nullptr) plan = plan_for(key(piece.geometry));
        plans_.push_back(plan);
    }
    main_ = plans_[plans_.size() / 2].get();
    std::size_t aside = 0;  // weights of a thread's own
    for (const auto& [geometry, plan] : made) {
        pad_bytes_ = std::max(pad_bytes_, plan->scratchpad.get_size());
        if (!plan->reorder) continue;
        pad_bytes_ = std::max(pad_bytes_, plan->reorder->scratchpad_bytes());
        aside = std::max(aside, plan->weights.get_size());
    }
    parts_ = std::min(static_cast<std::size_t>(thread_count()), pieces_.size());
    pad_bytes_ = section(pad_bytes_);
    part_bytes_ = pad_bytes_ + section(aside);
    if (main_->reorder) weights_bytes_ = section(main_->weights.get_size());
}

/// A plan's own weights: the caller's, those that were brought into the layout of most plans, or a copy of its own. A
/// pass that makes them leaves them in memory of its own.
float* PieceRun::weights_for(const Plan& plan, const float* weights, const float* common, std::byte* memory) const {
    auto* own = reinterpret_cast<float*>(memory + pad_bytes_);
    if (weights == nullptr) return own;
    if (!plan.reorder) return const_cast<float*>(weights);
    if (common != nullptr && plan.weights == main_->weights) return const_cast<float*>(common);
    plan.reorder->run(weights, own, memory);
    return own;
}

void PieceRun::for_each(const float* weights, std::byte* memory, const std::function<void(const Place&)>& body) const {
    const float* common = nullptr;
    if (weights != nullptr && main_->reorder) {
        auto* brought = reinterpret_cast<float*>(memory + parts_ * part_bytes_);
        const Session session;
        main_->reorder->run(weights, brought, memory);
        common = brought;
    }
    const auto count = static_cast<std::int64_t>(pieces_.size()), parts = static_cast<std::int64_t>(parts_);
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        const Session session;
        for (std::int64_t part = begin; part < end; ++part) {
            std::byte* own = memory + static_cast<std::size_t>(part) * part_bytes_;
            for (std::int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
                const auto at = static_cast<std::size_t>(i);
                body({at, pieces_[at], *plans_[at], weights_for(*plans_[at], weights, common, own), own});
            }
        }
    });
}

}  // namespace keel::kernels::onednn
