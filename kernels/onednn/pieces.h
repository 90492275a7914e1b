// Convolutions in pieces. oneDNN divides its work among OpenMP's threads: a second pool, whose threads take the cores
// from Keel's own, end the program where the system refuses them, and are missing in the child of a fork. So it
// computes pieces on one thread each, which the team divides. How a convolution is cut depends on its geometry alone,
// so no result depends on the team.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/onednn/conv_plan.h"
#include "kernels/onednn/cut.h"

namespace keel::kernels::onednn {

/// The pieces of one call, each with its plan. The memory that they need is the caller's.
class PieceRun {
public:
    /// `key(geometry)`: what a piece runs on.
    PieceRun(std::vector<Piece> pieces, const std::function<PlanKey(const Conv2dGeometry&)>& key);

    std::size_t bytes() const { return parts_ * part_bytes_ + weights_bytes_; }

    /// What a piece is computed with: `weights` as its plan wants them, or where it writes them.
    struct Place {
        std::size_t index;
        const Piece& piece;
        const Plan& plan;
        float* weights;
        std::byte* scratchpad;
    };
    /// Calls body(place) for every piece, on the team. `weights`, in the caller's layout, are brought into the plans'
    /// before; null for a pass that makes them. `memory` holds bytes().
    template <class Body>
    void run(const float* weights, std::byte* memory, const Body& body) const {
        for_each(weights, memory, [&](const Place& place) { body(place); });
    }

private:
    void for_each(const float* weights, std::byte* memory, const std::function<void(const Place&)>& body) const;
    float* weights_for(const Plan& plan, const float* weights, const float* common, std::byte* memory) const;

    std::vector<Piece> pieces_;
    std::vector<std::shared_ptr<const Plan>> plans_;
    const Plan* main_;  ///< of most pieces: what its weights are brought into once serves all of its layout
    std::size_t parts_, pad_bytes_ = 0, part_bytes_ = 0, weights_bytes_ = 0;
};

}  // namespace keel::kernels::onednn
