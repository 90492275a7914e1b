// PNG's row filters undone, sixteen rows at a time.
#pragma once

#include <cstdint>

namespace keel {

inline constexpr int kUnfilterRows = 16;

/// Undoes the filters of `rows` consecutive rows (PNG specification, section 9), 1 <= rows <= kUnfilterRows:
///   dst[r][i] = src[r][i] + predict(dst[r][i - bpp], dst[r - 1][i], dst[r - 1][i - bpp])  modulo 256,
/// where predict is 0, left, up, floor((left + up) / 2) or Paeth's by the row's type 0 to 4, and what lies left of the
/// image is 0. src: rows of 1 + length bytes, type and samples; a type above 4 counts as 0. above: the row dst[-1],
/// length bytes, zeros for the image's first. dst: rows of length bytes; it overlaps neither. bpp, the bytes of a
/// pixel: 1 to 4.
void png_unfilter(int bpp, std::int64_t length, int rows, const std::uint8_t* src, const std::uint8_t* above,
                  std::uint8_t* dst);

}  // namespace keel
