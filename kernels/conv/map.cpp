#include "kernels/conv/map.h"

#include <string>

#include "kernels/conv/prepared.h"
#include "kernels/error.h"

namespace keel::kernels {

void require_type(const char* who, const char* map, DType wanted, DType type) {
    if (type == wanted) return;
    throw UsageError(std::string("[") + who + "] wanted " + std::string(name(wanted)) + " elements in " + map +
                     ", got " + std::string(name(type)));
}

void require_maps(const ConvOperands& operands, DType type) {
    require_type("conv2d", "src", type, operands.src.type);
    if (operands.residual.data != nullptr) require_type("conv2d", "the residual", type, operands.residual.type);
    require_type("conv2d", "dst", type, operands.dst.type);
}

}  // namespace keel::kernels
