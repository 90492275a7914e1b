// The names that other libraries give to the tensors of models which torchvision has as well. What they are called
// there stands in one table, names.cpp.
#pragma once

#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel {

/// Gives tensors the names that torchvision's models have: takes off what DataParallel, compilers, frameworks and
/// wrapping modules put before all of them, and renames what MONAI, HuggingFace, timm, the CheXNet reproductions and
/// torchvision before 0.3 call otherwise. Names that are in no rule stay. Returns what was done, for people: "names of
/// HuggingFace's ResNet", "prefix module."; empty: nothing.
std::string use_torchvision_names(std::vector<NamedTensor>& weights);

}  // namespace keel
