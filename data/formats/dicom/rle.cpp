#include <algorithm>

#include "data/formats/dicom/codec.h"

namespace keel::dicom {
namespace {

std::uint32_t little_endian32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 | std::uint32_t{p[3]} << 24;
}

/// Unpacks a segment (PackBits) and adds its bytes to the values, `shift` bits up.
void unpack(Bytes segment, int shift, std::vector<std::uint16_t>& values, const std::string& name) {
    std::size_t at = 0, done = 0;
    const auto put = [&](std::uint8_t byte) {
        values[done] = static_cast<std::uint16_t>(values[done] | byte << shift);
        ++done;
    };
    while (done < values.size()) {
        if (at == segment.size()) refuse(name, "truncated RLE data");
        const std::uint8_t control = segment[at++];
        if (control == 128) continue;
        const std::size_t wanted = control < 128 ? control + std::size_t{1} : std::size_t{257} - control;
        const std::size_t count = std::min(wanted, values.size() - done), bytes = control < 128 ? wanted : 1;
        if (segment.size() - at < (control < 128 ? count : 1)) refuse(name, "truncated RLE data");
        for (std::size_t i = 0; i < count; ++i) put(segment[control < 128 ? at + i : at]);
        at += std::min(bytes, segment.size() - at);
    }
}

}  // namespace

Samples decode_rle(Bytes stream, const Claim& claim, const std::string& name) {
    constexpr std::size_t kHeader = 64;
    const auto planes = static_cast<std::size_t>(claim.allocated / 8);
    if (stream.size() < kHeader || little_endian32(stream.data()) != planes)
        refuse(name, "the RLE data have another number of segments than the pixels have bytes");
    const auto pixels = static_cast<std::size_t>(claim.width) * static_cast<std::size_t>(claim.height);
    // A run of two bytes makes at most 128: checked before memory is taken for them.
    if (pixels / 64 > stream.size()) refuse(name, "truncated RLE data");
    Samples samples{.width = claim.width, .height = claim.height, .bits = claim.allocated, .values = {}};
    samples.values.resize(pixels);
    for (std::size_t plane = 0; plane < planes; ++plane) {
        const std::size_t begin = little_endian32(stream.data() + 4 * (plane + 1));
        const std::size_t end = plane + 1 < planes ? little_endian32(stream.data() + 4 * (plane + 2)) : stream.size();
        if (begin < kHeader || begin > end || end > stream.size()) refuse(name, "an RLE segment lies outside the data");
        unpack(stream.subspan(begin, end - begin), static_cast<int>(8 * (planes - 1 - plane)), samples.values, name);
    }
    return samples;
}

}  // namespace keel::dicom
