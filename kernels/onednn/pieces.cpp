#include "kernels/onednn/pieces.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kernels/onednn/runtime.h"
#include "kernels/parallel.h"
#include "kernels/replicas.h"
#include "kernels/scratch.h"

namespace keel::kernels::onednn {

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
        const float* nearest = near_copy(weights);
        for (std::int64_t part = begin; part < end; ++part) {
            std::byte* own = memory + static_cast<std::size_t>(part) * part_bytes_;
            for (std::int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
                const auto at = static_cast<std::size_t>(i);
                body({at, pieces_[at], *plans_[at], weights_for(*plans_[at], nearest, common, own), own});
            }
        }
    });
}

}  // namespace keel::kernels::onednn
