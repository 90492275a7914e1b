// A checkpoint and images that the embedding tests predict.
#pragma once

#include <string>
#include <vector>

#include "data/image.h"
#include "models/model_spec.h"

namespace keel::test {

/// A resnet18 for 64 x 64 pixels with weights of its own, multi-label, labels "a", "b" and "c".
void write_small_checkpoint(const std::string& path, int channels = 3);

/// Writes a checkpoint again with `value` in place of the middle number of the tensor of that name, or of all of them.
void spoil_checkpoint(const std::string& from, const std::string& to, const std::string& name, float value,
                      bool everywhere = false);

/// An image of noise on a slope, every one another.
Image sample_image(int width, int height, int channels, std::uint64_t seed);
/// `count` PNG files of them, of different sizes, the odd ones grey; returns their paths.
std::vector<std::string> write_sample_images(const std::string& folder, int count);

/// The probabilities that a fresh predictor of the checkpoint gives one file.
std::vector<float> predicted(const std::string& checkpoint, const std::string& image);

}  // namespace keel::test
