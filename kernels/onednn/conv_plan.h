// Compiled convolutions, one for each way of calling them, shared by all threads of the process.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>

#include "kernels/conv/conv.h"
#include "kernels/onednn/weights_layout.h"

namespace keel::kernels::onednn {

enum class Pass { forward_training, forward_inference, backward_data, backward_weights };

struct PlanKey {
    Conv2dGeometry geometry;
    Pass pass;
    bool bias;
    const DescLayout* layout;        ///< of the caller's weights; null is OIHW
    bool sum = false, relu = false;  ///< forward: added to what dst holds; max(0, .) of the result
    DType maps = DType::f32;         ///< or bf16: src and dst; weights as well, but for their gradient

    auto operator<=>(const PlanKey&) const = default;
};

/// Immutable once made; what a call needs beyond it is the calling thread's scratch memory.
struct Plan {
    dnnl::primitive primitive;
    dnnl::memory::desc src, weights, bias, dst, scratchpad;  ///< of the primitive; src stands for diff_src as well, ...
    /// Into the primitive's weights, or (backward_weights) out of them into the caller's.
    std::optional<Reorder> reorder;
};

/// Returns the plan of `key`, compiled on first use. Any number of threads may call it.
std::shared_ptr<const Plan> plan_for(const PlanKey& key);

/// Forgets the plans that nobody uses.
void trim_plans();

/// Returns the number of plans that are known.
std::int64_t plan_count();

/// Returns the layout that a forward pass likes best. Compiles nothing.
std::shared_ptr<const DescLayout> preferred(const Conv2dGeometry& g, bool training);

/// Returns the name of the implementation that a pass would run on. Compiles nothing.
std::string implementation(const PlanKey& key);

/// Whether there is an implementation that is more than plain loops; remembered. Compiles nothing.
bool is_fast(const PlanKey& key);

}  // namespace keel::kernels::onednn
