// The file that keeps which convolution kernels were measured to be the faster ones.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "kernels/routing/choice.h"

namespace keel {

/// The choices of a JSON file written by save_conv_choices. Throws InputError where it is malformed, or was measured
/// under another ISA, number of threads or version of oneDNN than this process has.
std::vector<kernels::ConvChoice> load_conv_choices(const std::filesystem::path& path);

void save_conv_choices(const std::filesystem::path& path, const std::vector<kernels::ConvChoice>& choices);

/// start_tuning() with the file's choices, if it exists; each new choice is written to it at once and then reported.
void tune_convolutions(const std::filesystem::path& path, std::function<void(const kernels::ConvChoice&)> report);

}  // namespace keel
