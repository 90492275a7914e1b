// In place of the other files of this folder where Keel is built without DCMTK, CharLS or OpenJPEG.
#include "data/formats/dicom/codec.h"

namespace keel::dicom {
namespace {

[[noreturn]] void missing(const char* kind, const std::string& name) {
    refuse(name, std::string(kind) +
                     ", which this Keel was built without: install libdcmtk-dev, libcharls-dev and libopenjp2-7-dev, "
                     "and build it anew");
}

}  // namespace

std::vector<std::uint16_t> decode_by_dcmtk(Bytes, const JpegFrame&, const std::string& name) {
    missing("compressed as JPEG of 12 bits or lossless JPEG", name);
}

std::vector<std::uint16_t> decode_jpeg_ls(Bytes, const JpegFrame&, const std::string& name) {
    missing("compressed as JPEG-LS", name);
}

Samples decode_jpeg2000(Bytes, const Claim&, LeastSize, const std::string& name) {
    missing("compressed as JPEG 2000", name);
}

bool has_dicom_codecs() { return false; }

}  // namespace keel::dicom
