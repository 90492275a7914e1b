// The types of elements of tensors and maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keel {

/// f64 exists for gradient checks: operators run on the plain reference kernels there. bf16 are the upper halves of
/// f32.
enum class DType : std::uint8_t { f32, f64, u8, s8, s32, bf16 };

/// Returns the bytes of an element.
std::size_t size_of(DType type);

/// Returns e.g. "f32".
std::string_view name(DType type);

}  // namespace keel
