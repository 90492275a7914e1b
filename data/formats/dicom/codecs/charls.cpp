// JPEG-LS, by CharLS.
#include <charls/charls.h>

#include "data/formats/dicom/codec.h"

namespace keel::dicom {

std::vector<std::uint16_t> decode_jpeg_ls(Bytes stream, const JpegFrame& frame, const std::string& name) {
    const auto pixels = static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height);
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint16_t> words;
    try {
        charls::jpegls_decoder decoder(stream.data(), stream.size(), true);
        const charls::frame_info& info = decoder.frame_info();
        if (info.width != static_cast<std::uint32_t>(frame.width) || info.component_count != 1 ||
            info.height != static_cast<std::uint32_t>(frame.height) || info.bits_per_sample != frame.bits)
            refuse(name, "damaged JPEG-LS header");
        if (frame.bits > 8) {
            words.resize(pixels);
            decoder.decode(words.data(), 2 * words.size());
        } else {
            bytes.resize(pixels);
            decoder.decode(bytes.data(), bytes.size());
            words.assign(bytes.begin(), bytes.end());
        }
    } catch (const charls::jpegls_error&) {
        refuse(name, "damaged JPEG-LS data");
    }
    return words;
}

}  // namespace keel::dicom
