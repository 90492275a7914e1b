#include "kernels/dtype.h"

namespace keel {

std::size_t size_of(DType type) {
    switch (type) {
        case DType::f64:
            return 8;
        case DType::f32:
        case DType::s32:
            return 4;
        case DType::bf16:
            return 2;
        case DType::u8:
        case DType::s8:
            return 1;
    }
    return 0;
}

std::string_view name(DType type) {
    constexpr std::string_view kNames[] = {"f32", "f64", "u8", "s8", "s32", "bf16"};
    return kNames[static_cast<std::size_t>(type)];
}

}  // namespace keel
