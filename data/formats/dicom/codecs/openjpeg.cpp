// JPEG 2000, by OpenJPEG.
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>

#include "data/formats/dicom/codec.h"

namespace keel::dicom {
namespace {

constexpr std::uint8_t kStart[] = {0xFF, 0x4F, 0xFF, 0x51};  // SOC, SIZ
constexpr std::uint64_t kMaxTiles = 4096;                    // OpenJPEG takes 6 KB for each before it has seen any

struct Input {
    Bytes bytes;
    std::size_t at = 0;
};

OPJ_SIZE_T read_bytes(void* to, OPJ_SIZE_T wanted, void* user) {
    auto* input = static_cast<Input*>(user);
    const std::size_t count = std::min<std::size_t>(wanted, input->bytes.size() - input->at);
    if (count == 0) return static_cast<OPJ_SIZE_T>(-1);
    std::memcpy(to, input->bytes.data() + input->at, count);
    input->at += count;
    return count;
}

OPJ_OFF_T skip_bytes(OPJ_OFF_T wanted, void* user) {
    auto* input = static_cast<Input*>(user);
    const auto left = static_cast<OPJ_OFF_T>(input->bytes.size() - input->at);
    if (wanted < 0 || left == 0) return -1;
    const OPJ_OFF_T count = std::min(wanted, left);
    input->at += static_cast<std::size_t>(count);
    return count;
}

OPJ_BOOL seek_bytes(OPJ_OFF_T to, void* user) {
    auto* input = static_cast<Input*>(user);
    if (to < 0 || static_cast<std::size_t>(to) > input->bytes.size()) return OPJ_FALSE;
    input->at = static_cast<std::size_t>(to);
    return OPJ_TRUE;
}

// The library's codec and stream are both void.
struct FreeCodec {
    void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct FreeStream {
    void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
struct FreeImage {
    void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};

std::uint32_t big_endian32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | std::uint32_t{p[3]};
}

/// Returns the codestream, which some programs wrap into a JP2 file. Throws where its size is not the claimed one, or
/// more is claimed than is worth any memory (ISO 15444-1, A.5.1).
Bytes find_codestream(Bytes file, const Claim& claim, const std::string& name) {
    constexpr std::size_t kHeader = 45;  // up to the first component's
    const std::uint8_t* last = file.data() + std::min<std::size_t>(file.size(), 65536);
    const std::uint8_t* begin = std::search(file.data(), last, std::begin(kStart), std::end(kStart));
    const Bytes stream = file.subspan(static_cast<std::size_t>(begin - file.data()));
    if (stream.size() < kHeader || !std::equal(std::begin(kStart), std::end(kStart), stream.begin()))
        refuse(name, "damaged JPEG 2000 header");
    std::uint32_t size[8];  // x and y of image, its origin, tiles, their origin
    for (int i = 0; i < 8; ++i) size[i] = big_endian32(stream.data() + 8 + 4 * i);
    const std::uint64_t width = std::uint64_t{size[0]} - size[2], height = std::uint64_t{size[1]} - size[3];
    if (size[0] < size[2] || size[1] < size[3] || width != static_cast<std::uint64_t>(claim.width) ||
        height != static_cast<std::uint64_t>(claim.height) || stream[40] != 0 || stream[41] != 1)
        refuse(name, "its JPEG 2000 data are of another size than the file says, or in color");
    const auto tiles = [&](int i) {
        return (std::uint64_t{size[i]} - size[i + 6] + size[i + 4] - 1) / std::max<std::uint64_t>(size[i + 4], 1);
    };
    if (size[4] == 0 || size[5] == 0 || size[6] > size[2] || size[7] > size[3] || tiles(0) > kMaxTiles ||
        tiles(1) > kMaxTiles || tiles(0) * tiles(1) > kMaxTiles)
        refuse(name, "damaged JPEG 2000 header");
    return stream;
}

/// The number of times that both sides can be halved and are still at least `least`.
std::uint32_t reductions(const Claim& claim, LeastSize least) {
    std::uint32_t count = 0;
    const auto divides = [&](std::uint32_t n) { return claim.width % (1 << n) == 0 && claim.height % (1 << n) == 0; };
    while (count < 5 && divides(count + 1) && claim.width >> (count + 1) >= least.width &&
           claim.height >> (count + 1) >= least.height)
        ++count;
    return count;
}

struct Opened {
    std::unique_ptr<opj_stream_t, FreeStream> stream;
    std::unique_ptr<opj_codec_t, FreeCodec> codec;
    std::unique_ptr<opj_image_t, FreeImage> image;
};

/// Reads the header; an empty image where it is damaged, or has fewer resolutions than are to be left out.
Opened open(Input& input, std::uint32_t reduce) {
    Opened o{std::unique_ptr<opj_stream_t, FreeStream>(opj_stream_create(1 << 16, OPJ_TRUE)),
             std::unique_ptr<opj_codec_t, FreeCodec>(opj_create_decompress(OPJ_CODEC_J2K)), nullptr};
    opj_stream_set_read_function(o.stream.get(), read_bytes);
    opj_stream_set_skip_function(o.stream.get(), skip_bytes);
    opj_stream_set_seek_function(o.stream.get(), seek_bytes);
    opj_stream_set_user_data(o.stream.get(), &input, nullptr);
    opj_stream_set_user_data_length(o.stream.get(), input.bytes.size());
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    parameters.cp_reduce = reduce;
    opj_image_t* image = nullptr;
    if (opj_setup_decoder(o.codec.get(), &parameters) != 0 &&
        opj_decoder_set_strict_mode(o.codec.get(), OPJ_TRUE) != 0 &&
        opj_read_header(o.stream.get(), o.codec.get(), &image) != 0)
        o.image.reset(image);
    return o;
}

}  // namespace

Samples decode_jpeg2000(Bytes file, const Claim& claim, LeastSize least, const std::string& name) {
    Input input{find_codestream(file, claim, name)};
    Opened opened;
    std::uint32_t reduce = reductions(claim, least);
    for (;; --reduce) {
        input.at = 0;
        opened = open(input, reduce);
        if (opened.image || reduce == 0) break;
    }
    if (!opened.image || opened.image->numcomps != 1 || opened.image->comps[0].prec > 16 ||
        opened.image->comps[0].dx != 1 || opened.image->comps[0].dy != 1)
        refuse(name, "damaged JPEG 2000 header");
    if (opj_decode(opened.codec.get(), opened.stream.get(), opened.image.get()) == 0 ||
        opj_end_decompress(opened.codec.get(), opened.stream.get()) == 0)
        refuse(name, "damaged JPEG 2000 data");
    const opj_image_comp_t& component = opened.image->comps[0];
    if (component.data == nullptr || component.w != static_cast<unsigned>(claim.width) >> reduce ||
        component.h != static_cast<unsigned>(claim.height) >> reduce)
        refuse(name, "damaged JPEG 2000 data");
    Samples samples{.width = static_cast<int>(component.w),
                    .height = static_cast<int>(component.h),
                    .bits = static_cast<int>(component.prec),
                    .values = {}};
    samples.values.resize(std::size_t{component.w} * component.h);
    for (std::size_t i = 0; i < samples.values.size(); ++i)
        samples.values[i] = static_cast<std::uint16_t>(component.data[i]);
    return samples;
}

}  // namespace keel::dicom
