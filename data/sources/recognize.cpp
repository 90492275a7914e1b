#include "data/sources/recognize.h"

#include "data/formats/pack_format.h"
#include "data/sources/nih_table.h"
#include "engine/paths.h"

namespace keel {

std::string recognize_folder(const std::string& path) {
    if (!is_folder(path)) return path;
    if (is_there(path + "/" + pack::kIndexName)) return "pack:" + path;
    if (is_there(path + "/" + kPhantomMarker)) return "phantom:" + path;
    for (const FolderEntry& entry : list_folder(path))
        if (entry.name.starts_with("Data_Entry") && entry.name.ends_with(".csv")) return "nih:" + path;
    return path;
}

}  // namespace keel
