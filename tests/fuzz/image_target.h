// What the targets of image formats share.
#pragma once

#include <vector>

#include "data/formats/decode.h"
#include "data/pipeline/transform.h"
#include "tests/fuzz/target.h"

namespace keel::fuzz {

/// Decodes a file as `options` say and transforms it to an input of `channels`, which 0 leaves to the file.
inline void decode_and_transform(std::span<const std::uint8_t> file, int channels, const DecodeOptions& options) {
    const Image image = decode_image(file, channels, "input", options);
    require(image.width >= 1 && image.height >= 1 && image.channels >= 1 &&
                image.pixels.size() == image.row_bytes() * static_cast<std::size_t>(image.height),
            "an image that does not fit its size");
    TransformOptions transform{.image_size = 16, .channels = image.channels};
    std::vector<float> dst(16 * 16 * static_cast<std::size_t>(transform.channels));
    transform_image(image, transform, {}, dst.data());
    if (image.bits == 32)
        for (std::size_t i = 0; i < image.samples(); ++i)
            require(image.row_f(0)[i] >= 0 && image.row_f(0)[i] <= 1, "a float outside of 0 to 1");
}

/// A file as data sets and embedding programs ask for it, and as options change it.
inline void image_file(std::span<const std::uint8_t> file) {
    std::vector<ImageReading> readings(4);
    readings[1] = old_reading();
    readings[2].bit_depth = 12;
    readings[2].page = 2;
    readings[3].rescale = {-100, 1000};
    accept_or_refuse<InputError>([&] {
        const ImageHeader header = probe_image(file, "input");
        if (std::int64_t{header.width} * header.height * header.decoded > 1 << 18) return;  // too slow to say much
        probe_orientation(file, "input");
        for (const int channels : {0, 1, 3})
            for (const ImageReading& reading : readings)
                accept_or_refuse<InputError>([&] {
                    decode_and_transform(file, channels,
                                         {.least = channels == 3 ? LeastSize{16, 16} : LeastSize{},
                                          .keep_16_bits = channels == 0,
                                          .reading = reading});
                });
    });
}

}  // namespace keel::fuzz
