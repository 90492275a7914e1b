// VGG16 (Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015), with or without
// batch normalisation.
#pragma once

#include <memory>

#include "models/registry.h"

namespace keel {

std::unique_ptr<nn::Module> make_vgg16(bool batch_norm, const ModelOptions& options);

}  // namespace keel
