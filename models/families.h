// The families of models: a row here makes models/FAMILY.cpp part of the registry.
#pragma once

#include <span>

#include "models/registry.h"

namespace keel {

std::span<const ModelEntry> densenet_models(), resnet_models(), vgg_models();

/// In the order in which they are listed.
inline constexpr std::span<const ModelEntry> (*kModelFamilies[])() = {densenet_models, resnet_models, vgg_models};

}  // namespace keel
