// The JPEG family: which kind a codestream is, and who decodes it.
#include <algorithm>

#include "data/formats/dicom/codec.h"
#include "data/formats/image_format.h"

namespace keel::dicom {
namespace {

constexpr std::uint8_t kExtended = 1, kLossless = 3, kJpegLs = 0x37;

/// Whether the codestream has its end mark. A byte that makes the length even may follow, or several: 0 or 0xFF.
bool has_end(Bytes stream) {
    std::size_t size = stream.size();
    while (size > 0 && (stream[size - 1] == 0 || stream[size - 1] == 0xFF)) --size;
    return size >= 2 && stream[size - 2] == 0xFF && stream[size - 1] == 0xD9;
}

}  // namespace

JpegFrame read_jpeg_frame(Bytes stream, const std::string& name) {
    const auto require = [&](bool good) {
        if (!good) refuse(name, "damaged JPEG header");
    };
    require(stream.size() >= 4 && stream[0] == 0xFF && stream[1] == 0xD8);
    JpegFrame frame;
    for (std::size_t at = 2; stream.size() - at >= 4;) {
        require(stream[at] == 0xFF);
        const std::uint8_t marker = stream[at + 1];
        if (marker == 0xFF) {  // a byte that fills up
            ++at;
            continue;
        }
        const std::size_t length = std::size_t{stream[at + 2]} << 8 | stream[at + 3];
        require(length >= 2 && length <= stream.size() - at - 2 && marker != 0xD9);
        const std::uint8_t* p = stream.data() + at + 4;
        const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (is_frame || marker == 0xC0 + kJpegLs) {
            require(length >= 8 && frame.components == 0);
            frame = {static_cast<std::uint8_t>(marker - 0xC0), p[0], p[3] << 8 | p[4], p[1] << 8 | p[2], p[5], 0};
        }
        if (marker == 0xDA) {
            require(frame.components > 0 && length >= 6 + std::size_t{2} * p[0]);
            frame.scan = at + 5 + std::size_t{2} * p[0];
            return frame;
        }
        at += length + 2;
    }
    refuse(name, "damaged JPEG header");
}

Samples decode_jpeg(Bytes stream, const Claim& claim, const std::string& name) {
    const JpegFrame frame = read_jpeg_frame(stream, name);
    if (frame.width != claim.width || frame.height != claim.height || frame.components != 1)
        refuse(name, "its JPEG data are of another size than the file says, or in color");
    if (frame.bits < 2 || frame.bits > claim.allocated) refuse(name, "its JPEG data have more bits than the file says");
    if (!has_end(stream)) refuse(name, "truncated JPEG data");
    Samples samples{.width = claim.width, .height = claim.height, .bits = frame.bits, .values = {}};
    if (frame.bits == 8 && frame.process <= kExtended) {
        const ImageHeader header = kJpegFormat.header(stream, name);
        const Image image = kJpegFormat.decode(stream, header, {}, name);
        samples.values.assign(image.pixels.begin(), image.pixels.end());
    } else if (frame.process == kJpegLs) {
        samples.values = decode_jpeg_ls(stream, frame, name);
    } else if (frame.process == kLossless || (frame.process == kExtended && frame.bits == 12)) {
        samples.values = decode_by_dcmtk(stream, frame, name);
    } else {
        refuse(name, "JPEG data of a kind that is not supported (progressive, hierarchical or arithmetic)");
    }
    return samples;
}

}  // namespace keel::dicom
