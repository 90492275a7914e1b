#include "embed/images.h"

namespace keel {
namespace {

/// What the decoder is asked for: grey and RGB are made of one another, any other number is the image's own or does
/// not fit.
int decoded_channels(const TransformOptions& transform) {
    return transform.channels == 1 || transform.channels == 3 ? transform.channels : 0;
}

DecodeOptions decode_options(const TransformOptions& transform) {
    return {.least = least_size(transform, {}), .keep_16_bits = true, .reading = transform.reading};
}

}  // namespace

TransformOptions transform_of(const ModelSpec& spec) {
    TransformOptions transform;
    transform.image_size = static_cast<int>(spec.image_size);
    transform.channels = static_cast<int>(spec.options.channels);
    transform.mean = spec.mean;
    transform.std = spec.std;
    transform.reading = spec.reading;
    return transform;
}

Image load_image(const std::string& path, const TransformOptions& transform) {
    return load_image(path, decoded_channels(transform), decode_options(transform));
}

Image decode_image(std::span<const std::uint8_t> file, const TransformOptions& transform, const std::string& name) {
    return decode_image(file, decoded_channels(transform), name, decode_options(transform));
}

Tensor input_of(std::span<const Image> images, const TransformOptions& transform) {
    check_transform(transform);
    const std::int64_t side = transform.image_size, channels = transform.channels;
    Tensor input = Tensor::empty({std::ssize(images), side, side, channels});
    float* dst = input.data<float>();
    for (const Image& image : images) {
        transform_image(image, transform, {}, dst);
        dst += side * side * channels;
    }
    return input;
}

}  // namespace keel
