// Folders that say themselves what they hold.
#pragma once

#include <string>

namespace keel {

/// Returns what open_dataset() wants for the folder `path`: pack:, phantom: or nih: by the file that marks it. Anything
/// else comes back as it is, specifications among it.
std::string recognize_folder(const std::string& path);

}  // namespace keel
