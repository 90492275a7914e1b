// Maps as convolutions take them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/dtype.h"

namespace keel::kernels {

/// An NHWC map: its first element, the distance between pixels in elements (0 stands for dense pixels), and the
/// elements' type.
struct ConstMap {
    ConstMap(const float* first = nullptr, std::int64_t distance = 0) : data(first), ld(distance) {}
    ConstMap(const void* first, std::int64_t distance, DType of) : data(first), ld(distance), type(of) {}

    /// Returns the first element of a map of f32, or the first two of one of bf16.
    const float* floats() const { return static_cast<const float*>(data); }

    const void* data;
    std::int64_t ld;
    DType type = DType::f32;
};

/// A ConstMap that is written.
struct Map {
    Map(float* first = nullptr, std::int64_t distance = 0) : data(first), ld(distance) {}
    Map(void* first, std::int64_t distance, DType of) : data(first), ld(distance), type(of) {}

    float* floats() const { return static_cast<float*>(data); }

    void* data;
    std::int64_t ld;
    DType type = DType::f32;
};

/// Returns where element `index` of a map is.
inline const std::byte* element(const ConstMap& map, std::int64_t index) {
    return static_cast<const std::byte*>(map.data) + index * static_cast<std::int64_t>(size_of(map.type));
}
inline std::byte* element(const Map& map, std::int64_t index) {
    return static_cast<std::byte*>(map.data) + index * static_cast<std::int64_t>(size_of(map.type));
}

/// Throws UsageError that names `who` and `map`, e.g. "conv2d" and "src", if the elements are not what is wanted.
void require_type(const char* who, const char* map, DType wanted, DType type);
inline void require_f32(const char* who, const char* map, DType type) { require_type(who, map, DType::f32, type); }

/// Return the map with the distance between its pixels given in full.
inline ConstMap with_ld(const ConstMap& map, std::int64_t channels) {
    return {map.data, map.ld == 0 ? channels : map.ld, map.type};
}
inline Map with_ld(const Map& map, std::int64_t channels) {
    return {map.data, map.ld == 0 ? channels : map.ld, map.type};
}

}  // namespace keel::kernels
