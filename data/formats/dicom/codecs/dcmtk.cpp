// JPEG of 12 bits and lossless JPEG, by the decoders that DCMTK wraps. Only these are used of it: they keep no state
// outside of themselves, while its data sets load a dictionary, share a table of codecs and write to a log.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg12.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <dcmtk/dcmjpeg/djdijg8.h>

#include "data/formats/dicom/codec.h"

namespace keel::dicom {
namespace {

/// A decoder that is silent, and remembers that the data were damaged.
template <class Base>
class Decoder : public Base {
public:
    explicit Decoder(const DJCodecParameter& parameter) : Base(parameter, OFFalse) {}
    void emitMessage(int level) const override { damaged_ = damaged_ || level < 0; }
    bool damaged() const { return damaged_; }

private:
    mutable bool damaged_ = false;
};

template <class Base, class Sample>
std::vector<std::uint16_t> decode(std::span<std::uint8_t> stream, const JpegFrame& frame, const std::string& name) {
    const DJCodecParameter parameter(ECC_lossyYCbCr, EDC_never, EUC_never, EPC_default);
    Decoder<Base> decoder(parameter);
    std::vector<Sample> samples(static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height));
    const OFCondition state = decoder.init();
    const bool done = state.good() && decoder
                                          .decode(stream.data(), static_cast<Uint32>(stream.size()),
                                                  reinterpret_cast<std::uint8_t*>(samples.data()),
                                                  static_cast<Uint32>(samples.size() * sizeof(Sample)), OFFalse)
                                          .good();
    if (!done || decoder.damaged()) refuse(name, "damaged JPEG data");
    return std::vector<std::uint16_t>(samples.begin(), samples.end());
}

}  // namespace

std::vector<std::uint16_t> decode_by_dcmtk(Bytes stream, const JpegFrame& frame, const std::string& name) {
    std::vector<std::uint8_t> copy(stream.begin(), stream.end());
    if (frame.process <= 1) {
        // Which coefficients a scan has means nothing in a sequential JPEG, which has all: 0 to 63, in full precision.
        // Files that say otherwise are read, but warned of, and a warning here is damage.
        copy[frame.scan] = 0, copy[frame.scan + 1] = 63, copy[frame.scan + 2] = 0;
    }
    if (frame.bits <= 8) return decode<DJDecompressIJG8Bit, std::uint8_t>(copy, frame, name);
    if (frame.bits <= 12) return decode<DJDecompressIJG12Bit, std::uint16_t>(copy, frame, name);
    return decode<DJDecompressIJG16Bit, std::uint16_t>(copy, frame, name);
}

bool has_dicom_codecs() { return true; }

}  // namespace keel::dicom
