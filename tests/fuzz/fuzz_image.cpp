// Files of every image format, decoded as data sets and embedding programs ask for them, and transformed.
#include <vector>

#include "data/formats/decode.h"
#include "data/pipeline/transform.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accept_or_refuse<InputError>([&] {
        const std::span<const std::uint8_t> file(data, size);
        const ImageHeader header = probe_image(file, "input");
        if (std::int64_t{header.width} * header.height > 1 << 18) return;  // too slow to say much
        for (const int channels : {0, 1, 3}) {
            TransformOptions transform{.image_size = 16, .channels = channels == 0 ? 3 : channels};
            const DecodeOptions options{.least = channels == 3 ? least_size(transform, {}) : LeastSize{},
                                        .keep_16_bits = channels == 0};
            const Image image = decode_image(file, channels, "input", options);
            fuzz::require(image.width >= 1 && image.height >= 1 && image.width <= header.width &&
                              image.height <= header.height &&
                              image.pixels.size() == image.row_bytes() * static_cast<std::size_t>(image.height),
                          "the image does not fit its header");
            std::vector<float> dst(16 * 16 * static_cast<std::size_t>(transform.channels));
            transform_image(image, transform, {}, dst.data());
        }
    });
    return 0;
}
