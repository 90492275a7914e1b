// What CharLS and OpenJPEG encode for tests.
#include <charls/charls.h>
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/data/dicom_streams.h"

namespace keel::test {
namespace {

OPJ_SIZE_T write_bytes(void* from, OPJ_SIZE_T count, void* user) {
    auto* stream = static_cast<Stream*>(user);
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    stream->insert(stream->end(), bytes, bytes + count);
    return count;
}

}  // namespace

Stream encode_jpeg_ls(const std::vector<int>& values, int width, int bits) {
    charls::jpegls_encoder encoder;
    encoder.frame_info({static_cast<std::uint32_t>(width),
                        static_cast<std::uint32_t>(values.size() / static_cast<std::size_t>(width)), bits, 1});
    Stream stream(encoder.estimated_destination_size());
    encoder.destination(stream.data(), stream.size());
    std::vector<std::uint16_t> words(values.begin(), values.end());
    std::vector<std::uint8_t> bytes(values.begin(), values.end());
    const std::size_t size = bits > 8 ? encoder.encode(words.data(), words.size() * 2) : encoder.encode(bytes);
    stream.resize(size);
    return stream;
}

Stream encode_jpeg2000(const std::vector<int>& values, int width, int bits, bool is_signed, int resolutions) {
    const auto w = static_cast<OPJ_UINT32>(width), h = static_cast<OPJ_UINT32>(values.size()) / w;
    opj_image_cmptparm_t part{};
    part.dx = part.dy = 1;
    part.w = w;
    part.h = h;
    part.prec = static_cast<OPJ_UINT32>(bits);
    part.sgnd = is_signed ? 1 : 0;
    const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(opj_image_create(1, &part, OPJ_CLRSPC_GRAY),
                                                                     opj_image_destroy);
    image->x1 = w;
    image->y1 = h;
    std::copy(values.begin(), values.end(), image->comps[0].data);
    opj_cparameters_t parameters;
    opj_set_default_encoder_parameters(&parameters);
    parameters.numresolution = resolutions;
    parameters.tcp_numlayers = 1;
    parameters.cp_disto_alloc = 1;
    const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(opj_create_compress(OPJ_CODEC_J2K),
                                                                     opj_destroy_codec);
    const std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> out(opj_stream_create(1 << 16, OPJ_FALSE),
                                                                     opj_stream_destroy);
    Stream stream;
    opj_stream_set_write_function(out.get(), write_bytes);
    opj_stream_set_user_data(out.get(), &stream, nullptr);
    const bool done = opj_setup_encoder(codec.get(), &parameters, image.get()) != 0 &&
                      opj_start_compress(codec.get(), image.get(), out.get()) != 0 &&
                      opj_encode(codec.get(), out.get()) != 0 && opj_end_compress(codec.get(), out.get()) != 0;
    if (!done) stream.clear();
    return stream;
}

}  // namespace keel::test
