// Whose convolution kernels serve a geometry best: Keel's own or oneDNN's.
#pragma once

#include <functional>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/dtype.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// What a geometry's three passes took together on random data, median of several turns.
struct ConvChoice {
    Conv2dGeometry geometry;
    bool own;
    double own_ms, onednn_ms;
    DType type = DType::f32;  ///< of the maps
};

/// Makes preferred_layout() measure each geometry that both serve at its first use, `known` ones excepted, and hand the
/// choice to `report`. The choice decides the last bits of the results, so a run that is to be repeated needs the
/// choices of before. Not while convolutions run on another thread.
void start_tuning(std::vector<ConvChoice> known, std::function<void(const ConvChoice&)> report);

/// Returns to the rule, which was measured over the layers of ResNet50 and DenseNet121: Keel's own vector kernels;
/// under the scalar ISA oneDNN's for maps of f32.
void stop_tuning();

/// Whether geometries are measured: between start_tuning() and stop_tuning().
bool is_tuning();

/// Whether Keel's own kernels serve the forward pass best by the rule: those of training, or, where only their forward
/// pass takes the channels, it alone, which has activations and slices of wider maps at no price, as oneDNN has not.
bool forwards_own(const Conv2dGeometry& g, const Isa& isa);

/// Returns the choice for a geometry that igemm_serves() and maps of `type`.
bool prefers_own(const Conv2dGeometry& g, DType type = DType::f32);

}  // namespace keel::kernels
