// Weights of a model for images of other channels than the one that takes them over.
#pragma once

#include <string>
#include <vector>

#include "engine/nn/module.h"

namespace keel {

/// Makes the first convolution of `weights`, of a model of grey or RGB images, one for the channels of the model whose
/// state `state` is: each channel's kernel becomes the sum over the old ones divided by the number of channels, so that
/// a grey image in all of them gives what it gave before. Returns its name; empty where it fits as it is, or where it
/// is not there or of other dims.
std::string fit_stem(const std::vector<NamedTensor>& state, std::vector<NamedTensor>& weights);

}  // namespace keel
