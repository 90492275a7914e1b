// The image files that paths on a command line stand for.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Returns files as they are, of a DICOMDIR the images that it names, in its order, and of a folder all files in it and
/// in folders within it that may hold an image, sorted; appends what else these hold to `remarks`. Throws InputError
/// for a folder or a DICOMDIR without images, IoError where one cannot be read.
std::vector<std::string> image_files(const std::vector<std::string>& paths, std::vector<Remark>& remarks);

}  // namespace keel
