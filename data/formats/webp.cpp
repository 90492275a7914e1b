// WebP, by libwebp: lossy and lossless, of an animation the first frame.
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "data/formats/exif.h"
#include "data/formats/optional_formats.h"

namespace keel {
namespace {

using Bytes = ImageFormat::Bytes;

constexpr std::size_t kRiffBytes = 12, kChunkBytes = 8;

[[noreturn]] void bad(const std::string& name, const char* what) { throw InputError("[decode] " + name + ": " + what); }

std::size_t little_endian32(const std::uint8_t* p) {
    return std::size_t{p[0]} | std::size_t{p[1]} << 8 | std::size_t{p[2]} << 16 | std::size_t{p[3]} << 24;
}

WebPBitstreamFeatures features_of(Bytes file, const std::string& name) {
    WebPBitstreamFeatures features;
    const VP8StatusCode status = WebPGetFeatures(file.data(), file.size(), &features);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA) bad(name, "truncated WebP file");
    if (status != VP8_STATUS_OK) bad(name, "damaged WebP header");
    return features;
}

ImageHeader header(Bytes file, const std::string& name) {
    if (little_endian32(file.data() + 4) > file.size() - kChunkBytes) bad(name, "truncated WebP file");
    const WebPBitstreamFeatures features = features_of(file, name);
    return {features.width, features.height, features.has_alpha != 0 ? 4 : 3, 8, 3};
}

/// Decodes a still image into `image`, its upper left corner at (x, y).
void decode_into(Bytes still, Image& image, int x, int y, const std::string& name) {
    const WebPBitstreamFeatures features = features_of(still, name);
    if (x < 0 || y < 0 || features.width > image.width - x || features.height > image.height - y)
        bad(name, "a WebP frame lies outside of its image");
    const std::size_t stride = image.row_bytes();
    std::uint8_t* dst = image.row(y) + 3 * static_cast<std::size_t>(x);
    const std::size_t room = stride * static_cast<std::size_t>(image.height - y) - 3 * static_cast<std::size_t>(x);
    if (WebPDecodeRGBInto(still.data(), still.size(), dst, room, static_cast<int>(stride)) == nullptr)
        bad(name, "the WebP's pixels are damaged");
}

struct CloseDemuxer {
    void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

/// What the first frame of an animation does not cover stays black.
void decode_first_frame(Bytes file, Image& image, const std::string& name) {
    const WebPData data{file.data(), file.size()};
    const std::unique_ptr<WebPDemuxer, CloseDemuxer> demuxer(WebPDemux(&data));
    WebPIterator frame{};
    if (!demuxer || WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) bad(name, "the WebP's frames are damaged");
    const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> release(&frame, WebPDemuxReleaseIterator);
    decode_into({frame.fragment.bytes, frame.fragment.size}, image, frame.x_offset, frame.y_offset, name);
}

Image decode(Bytes file, const ImageHeader& claimed, const DecodeOptions&, const std::string& name) {
    Image image(claimed.width, claimed.height, 3);
    if (features_of(file, name).has_animation != 0)
        decode_first_frame(file, image, name);
    else
        decode_into(file, image, 0, 0, name);
    return image;
}

int orientation(Bytes file, const ImageReading&) {
    for (std::size_t at = kRiffBytes; at + kChunkBytes <= file.size();) {
        const std::size_t length = little_endian32(file.data() + at + 4), left = file.size() - at - kChunkBytes;
        if (length > left) break;
        if (begins_with(file, "EXIF", at)) return exif_orientation(file.subspan(at + kChunkBytes, length));
        at += kChunkBytes + length + length % 2;
    }
    return 1;
}

}  // namespace

const ImageFormat kWebpFormat{"WebP", kWebpExtensions, is_webp, header, decode, orientation};

}  // namespace keel
