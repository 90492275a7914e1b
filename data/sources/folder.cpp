// ImageFolder: one folder a class, with or without a folder a split above them.
#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "data/sources/sources.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

namespace fs = std::filesystem;

constexpr double kFlatTestFraction = 0.1;

/// Returns the images of root/CLASS/*, classes numbered by `classes`; a class folder may be missing, an unknown one may
/// not appear.
std::vector<Sample> read_classes(const std::string& root, const std::vector<std::string>& classes) {
    std::vector<Sample> samples;
    for (const std::string& name : list_directories(root)) {
        const auto found = std::ranges::find(classes, name);
        if (found == classes.end())
            throw InputError(fmt::format("[folder] {}/{} is a class that train does not have", root, name));
        for (const std::string& file : list_images(root + "/" + name)) {
            const std::string relative = name + "/" + file;
            samples.push_back({.name = relative,
                               .file = root + "/" + relative,
                               .label = static_cast<std::int32_t>(found - classes.begin())});
        }
    }
    return samples;
}

/// Returns 1 (grey) where the first image that can be read is grey, else 3; the others are converted.
int native_channels(const std::vector<Sample>& samples) {
    for (const Sample& sample : samples) {
        try {
            return probe_image(read_file(sample.file, kMaxImageFileBytes), sample.file).channels <= 2 ? 1 : 3;
        } catch (const Error&) {
            continue;  // reported where it is loaded
        }
    }
    return 3;
}

}  // namespace

std::unique_ptr<Dataset> open_folder(const std::string& path, const DatasetOptions& options) {
    if (!fs::is_directory(path)) throw UsageError(fmt::format("[folder] {} is not a folder", path));
    DatasetContents contents;
    auto& [train, val, test] = contents.splits;
    const bool has_splits = fs::is_directory(path + "/train");
    const std::string train_root = has_splits ? path + "/train" : path;
    contents.label_names = list_directories(train_root);
    for (const std::string& name : contents.label_names)
        if (!printable(name))
            throw InputError(
                fmt::format("[folder] {} has a class whose name is not UTF-8 or holds control characters", train_root));
    train = read_classes(train_root, contents.label_names);
    if (train.empty())
        throw InputError(
            fmt::format("[folder] {} has no folders with images (CLASS/*.{})", train_root, image_extensions()));
    contents.channels = native_channels(train);
    auto& [from_train, from_val, from_test] = contents.origins;
    if (!has_splits) {
        split_off(train, test, kFlatTestFraction, options.split_seed);
        from_test = held_out_text(kFlatTestFraction, "all", options.split_seed);
    }
    if (has_splits && fs::is_directory(path + "/test")) test = read_classes(path + "/test", contents.label_names);
    for (const char* name : {"/val", "/valid"}) {
        if (has_splits && val.empty() && fs::is_directory(path + name))
            val = read_classes(path + name, contents.label_names);
    }
    if (has_splits) from_train = "folder train", from_test = test.empty() ? "" : "folder test";
    from_val = "its own folder";
    if (val.empty()) {
        split_off(train, val, options.val_fraction, options.split_seed);
        from_val = held_out_text(options.val_fraction, "the rest", options.split_seed);
    }
    return make_file_dataset(std::move(contents), options);
}

}  // namespace keel
