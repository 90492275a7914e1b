// The layout of weights that Keel's own kernels read: panels [oc / columns][kh][kw][ic][columns].
#pragma once

#include "kernels/conv/weights_layout.h"

namespace keel::kernels {

/// Returns the panels for the active ISA. Throws UsageError where igemm_forwards(g) is false.
WeightsLayout panel_layout(const Conv2dGeometry& g);

/// Whether Keel's own kernels read this layout under the active ISA, whose panels it must have.
bool own_kernels_read(const WeightsLayout& layout);

}  // namespace keel::kernels
