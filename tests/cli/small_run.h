// Training runs of a second or two, for tests of what happens to runs.
#pragma once

#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace keel::test {

/// Draws 40 phantom images into `folder`/phantom; returns their SPEC.
std::string draw_phantom(const TemporaryFolder& folder);

/// keel train of ResNet18 at 32 pixels, batch 8, two epochs, by plain SGD, and what `more` adds.
std::vector<std::string> train_command(const std::string& data, const std::string& out,
                                       const std::vector<std::string>& more = {});

/// Names and bytes of all tensors of a checkpoint.
std::string fingerprint(const std::string& checkpoint);

}  // namespace keel::test
