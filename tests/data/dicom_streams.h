// Codestreams as DICOM files hold them, for tests: of RLE and lossless JPEG written here, of JPEG-LS and JPEG 2000 by
// their libraries.
#pragma once

#include <cstdint>
#include <vector>

namespace keel::test {

using Stream = std::vector<std::uint8_t>;

/// RLE of values of 8 or 16 bits: runs where there are three or more of a byte, else literals.
Stream encode_rle(const std::vector<int>& values, int bits);

/// Lossless JPEG (process 14, predictor 1) of `bits` bits.
Stream encode_lossless_jpeg(const std::vector<int>& values, int width, int bits);

/// JPEG-LS, JPEG 2000 without loss; only where Keel has the libraries. `resolutions` of JPEG 2000 is at least 1.
Stream encode_jpeg_ls(const std::vector<int>& values, int width, int bits);
Stream encode_jpeg2000(const std::vector<int>& values, int width, int bits, bool is_signed, int resolutions = 3);

}  // namespace keel::test
