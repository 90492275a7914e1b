#include "kernels/conv/map.h"

#include <string>

#include "kernels/conv/prepared.h"
#include "kernels/error.h"

namespace keel::kernels {

void require_f32(const char* who, const char* map, DType type) {
    if (type == DType::f32) return;
    throw UsageError(std::string("[") + who + "] wanted f32 elements in " + map + ", got " + std::string(name(type)));
}

void require_f32(const ConvOperands& operands) {
    require_f32("conv2d", "src", operands.src.type);
    require_f32("conv2d", "the residual", operands.residual.type);
    require_f32("conv2d", "dst", operands.dst.type);
}

}  // namespace keel::kernels
