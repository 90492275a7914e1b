// The file that keeps which convolution kernels were measured to be the faster ones.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kernels/routing/choice.h"

namespace keel {

/// The choices of a JSON file written by save_conv_choices. Throws InputError where it is malformed, or was measured
/// under another ISA, number of threads or version of oneDNN than this process has.
std::vector<kernels::ConvChoice> load_conv_choices(const std::filesystem::path& path);

void save_conv_choices(const std::filesystem::path& path, const std::vector<kernels::ConvChoice>& choices);

/// start_tuning() with the file's choices, if it exists; each new choice is reported and written to it at once, with
/// all before it. A disk that refuses is told to `warn`, and the next choice is a new try.
void tune_convolutions(const std::filesystem::path& path, std::function<void(const kernels::ConvChoice&)> report,
                       std::function<void(const std::string&)> warn = {});

}  // namespace keel
