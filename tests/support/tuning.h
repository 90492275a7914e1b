// A measurement of convolutions' kernels that ends with the test, and a geometry that Keel's own kernels serve as well.
#pragma once

#include "kernels/igemm/igemm.h"
#include "kernels/routing/choice.h"
#include "kernels/routing/conv2d.h"

namespace keel::test {

struct TuningScope {
    ~TuningScope() { kernels::stop_tuning(); }
};

inline kernels::Conv2dGeometry some_geometry() {
    const std::int64_t columns = kernels::igemm_columns();
    return {1, columns, 6, 6, 2 * columns, 3, 3, 1, 1, 1, 1};
}

inline bool is_own(const kernels::WeightsLayout& layout) { return kernels::own_kernels_read(layout); }

}  // namespace keel::test
