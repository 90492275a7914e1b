// Decoders of the compressed kinds of pixels that a DICOM file may hold. Each takes a codestream and the size that the
// file claims, and throws InputError that names `name` where it is damaged, cut off or of another size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/formats/dicom/elements.h"
#include "data/image.h"

namespace keel::dicom {

/// What is decoded: the pixels as the file stores them, dense, rows from top to bottom.
struct Samples {
    int width = 0, height = 0;
    int bits = 16;  ///< that a value may use; its sign, where it has one, is in the highest
    std::vector<std::uint16_t> values{};
};

struct Claim {
    int width, height;
    int allocated;  ///< bits: 8 or 16
};

/// RLE (PS3.5, annex G): a segment for each byte of a value, the highest first.
Samples decode_rle(Bytes stream, const Claim& claim, const std::string& name);

/// JPEG: 8 bits by libjpeg-turbo; the rest of the family by libraries, see below.
Samples decode_jpeg(Bytes stream, const Claim& claim, const std::string& name);

/// The kind of a JPEG codestream, from its frame header.
struct JpegFrame {
    std::uint8_t process = 0;  ///< n of SOFn: 0 and 1 sequential, 3 lossless; 0x37 JPEG-LS
    int bits = 0, width = 0, height = 0, components = 0;
    std::size_t scan = 0;  ///< where the three parameters of the first scan lie
};
JpegFrame read_jpeg_frame(Bytes stream, const std::string& name);

/// Returns whether this Keel was built with the libraries below.
bool has_dicom_codecs();

// What libraries decode; codecs/missing.cpp stands in where Keel is built without them.

/// JPEG of 12 bits, and lossless, by DCMTK.
std::vector<std::uint16_t> decode_by_dcmtk(Bytes stream, const JpegFrame& frame, const std::string& name);

/// JPEG-LS, by CharLS.
std::vector<std::uint16_t> decode_jpeg_ls(Bytes stream, const JpegFrame& frame, const std::string& name);

/// JPEG 2000, by OpenJPEG, reduced by powers of two as far as its sides are still at least `least` then, as JPEG files
/// are. Throws InputError where they are not of `claim`'s size.
Samples decode_jpeg2000(Bytes stream, const Claim& claim, LeastSize least, const std::string& name);

}  // namespace keel::dicom
