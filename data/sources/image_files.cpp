#include "data/sources/image_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/core.h>

#include "data/formats/dicom/directory.h"
#include "data/formats/image_format.h"
#include "data/sources/image_tree.h"
#include "data/sources/sources.h"
#include "engine/paths.h"
#include "kernels/error.h"

namespace keel {
namespace {

void add_directory(const std::string& path, std::vector<std::string>& files, std::vector<Remark>& remarks) {
    const DicomDirectory directory = read_dicom_directory(path);
    if (!directory.missing.empty())
        remarks.push_back({true, fmt::format("{} names {} files that are not there: {}", path, directory.missing.size(),
                                             some_of(directory.missing))});
    if (directory.others > 0)
        remarks.push_back({false, fmt::format("{} names {} files that are no images (reports, presentation states); "
                                              "they are left out",
                                              path, directory.others)});
    if (directory.images.empty()) throw InputError("[predict] " + path + " names no image that is there");
    files.insert(files.end(), directory.images.begin(), directory.images.end());
}

void add_folder(const std::string& path, std::vector<std::string>& files, std::vector<Remark>& remarks) {
    ImageTree tree = find_images(path);
    std::vector<std::string> inside = tree.images;
    // They may be images under another name; those that are none are named when they are read.
    inside.insert(inside.end(), tree.others.begin(), tree.others.end());
    tree.others.clear();
    if (inside.empty())
        throw InputError("[predict] " + path + " holds no " + image_format_names(", ", " or ") + " files");
    std::ranges::sort(inside);
    for (const std::string& file : inside) files.push_back(std::filesystem::path(path) / file);
    remarks.push_back({false, fmt::format("{}: {} files, {} of the images in folders within it", path, inside.size(),
                                          std::exchange(tree.nested, 0))});
    for (const Remark& remark : remarks_on(tree)) remarks.push_back({false, remark.text});
}

}  // namespace

std::vector<std::string> image_files(const std::vector<std::string>& paths, std::vector<Remark>& remarks) {
    std::vector<std::string> files;
    for (const std::string& path : paths)
        if (is_dicom_directory(path))
            add_directory(path, files, remarks);
        else if (is_folder(path))
            add_folder(path, files, remarks);
        else
            files.push_back(path);
    return files;
}

}  // namespace keel
