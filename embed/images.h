// From an image to a model's input, as `keel predict` does it, for programs that bring paths, encoded files or pixels:
//
//     const Predictor model("best.safetensors");
//     const TransformOptions transform = transform_of(model.spec());
//     const Image image = load_image("00000001_000.png", transform);
//     const Tensor scores = model.predict(input_of({&image, 1}, transform));
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/formats/decode.h"
#include "data/pipeline/transform.h"
#include "models/model_spec.h"

namespace keel {

/// Returns the input of a model as options of the transforms, without augmentation, and how its files are read.
TransformOptions transform_of(const ModelSpec& spec);

/// Reads an image file (see data/formats/image_format.h) as transform.reading says, decoded with the channels of the
/// model's input and no larger than it has use for. Throws IoError or InputError that names it.
Image load_image(const std::string& path, const TransformOptions& transform);
/// Decodes a file's bytes likewise; `name` is used in messages.
Image decode_image(std::span<const std::uint8_t> file, const TransformOptions& transform, const std::string& name);

/// Returns the images resized and normalized: {images, image_size, image_size, channels}. Throws InputError where
/// the channels do not fit (channels_convert()), or an image has no pixels, other ones than it says, or floats that are
/// NaN or infinite; UsageError for options that make no sense.
Tensor input_of(std::span<const Image> images, const TransformOptions& transform);

}  // namespace keel
