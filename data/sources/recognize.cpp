#include "data/sources/recognize.h"

#include <filesystem>
#include <system_error>

#include "data/formats/pack_format.h"
#include "data/sources/nih_table.h"

namespace keel {

std::string recognize_folder(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::is_directory(path, error)) return path;
    if (fs::exists(path + "/" + pack::kIndexName, error)) return "pack:" + path;
    if (fs::exists(path + "/" + kPhantomMarker, error)) return "phantom:" + path;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.starts_with("Data_Entry") && name.ends_with(".csv")) return "nih:" + path;
    }
    return path;
}

}  // namespace keel
