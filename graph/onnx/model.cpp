#include "graph/onnx/model.h"

namespace keel::onnx {

std::string_view name(ElementType type) {
    switch (type) {
        case ElementType::undefined:
            return "undefined";
        case ElementType::f32:
            return "float32";
        case ElementType::u8:
            return "uint8";
        case ElementType::s8:
            return "int8";
        case ElementType::u16:
            return "uint16";
        case ElementType::s16:
            return "int16";
        case ElementType::s32:
            return "int32";
        case ElementType::s64:
            return "int64";
        case ElementType::string:
            return "string";
        case ElementType::boolean:
            return "bool";
        case ElementType::f16:
            return "float16";
        case ElementType::f64:
            return "float64";
        case ElementType::u32:
            return "uint32";
        case ElementType::u64:
            return "uint64";
        case ElementType::bf16:
            return "bfloat16";
    }
    return "unknown";
}

bool is_float(ElementType type) {
    return type == ElementType::f32 || type == ElementType::f64 || type == ElementType::f16 ||
           type == ElementType::bf16;
}

}  // namespace keel::onnx
