// ImageFolder: one folder a class, with or without a folder a split above them.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "data/sources/divide.h"
#include "data/sources/image_tree.h"
#include "data/sources/sources.h"
#include "data/sources/split_folders.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// By the rule `old` a folder without splits of its own has given this much to the test split.
constexpr double kOldTestFraction = 0.1;

/// What one folder of classes holds.
struct ClassFolders {
    std::vector<std::string> classes;  ///< folders, by name
    std::vector<Sample> samples;       ///< of classes[label]
    std::vector<std::string> loose;    ///< images beside the folders
    ImageTree found;                   ///< paths begin with the class
};

bool holds_nothing_but_runs(const ImageTree& tree) {
    return !tree.runs.empty() && tree.images.empty() && tree.others.empty();
}

ClassFolders read_classes(const std::string& root) {
    ClassFolders all;
    ImageTree own = find_own_images(root);
    all.loose = std::move(own.images);
    all.found.hidden = std::move(own.hidden);
    all.found.others = std::move(own.others);
    all.found.texts = std::move(own.texts);
    for (const std::string& name : list_directories(root)) {
        const std::string folder = root + "/" + name;
        if (holds_training_run(folder)) {
            all.found.runs.push_back(name);
            continue;
        }
        if (leads_back(folder, root)) {
            all.found.again.push_back(name);
            continue;
        }
        const ImageTree tree = find_images(folder);
        all.found.add(tree, name);
        if (holds_nothing_but_runs(tree)) continue;
        if (!printable(name))
            throw InputError(
                fmt::format("[folder] {} has a class whose name is not UTF-8 or holds control characters", root));
        for (const std::string& file : tree.images)
            all.samples.push_back({.name = name + "/" + file,
                                   .file = folder + "/" + file,
                                   .label = static_cast<std::int32_t>(all.classes.size())});
        all.classes.push_back(name);
    }
    return all;
}

/// What lies in a folder that has no image in a folder of a class, for messages.
std::string what_else(const ClassFolders& folder) {
    std::string text;
    if (!folder.loose.empty())
        text += fmt::format("; {} images lie in it itself, without a class", folder.loose.size());
    if (!folder.found.others.empty())
        text += fmt::format("; {} other files: {}", folder.found.others.size(), endings_text(folder.found.others));
    return text;
}

/// Returns the channels of the first image that can be read; the others are converted, as far as that goes.
int native_channels(const DatasetContents& contents) {
    for (const auto& split : contents.splits)
        for (const Sample& sample : split) {
            try {
                return probe_image(read_bytes(sample.file, kMaxImageFileBytes), sample.file).decoded;
            } catch (const StorageError&) {
                throw;
            } catch (const Error&) {
                continue;  // reported where it is loaded
            }
        }
    return 3;
}

class FolderReader {
public:
    FolderReader(std::string path, const DatasetOptions& options) : path_(std::move(path)), options_(options) {}

    DatasetContents run() {
        folders_ = find_split_folders(path_);
        if (folders_.divided)
            read_divided();
        else
            read_flat();
        for (Remark& remark : remarks_on(found_)) contents_.remarks.push_back(std::move(remark));
        name_patients(contents_, options_);
        hold_out_missing();
        contents_.channels = native_channels(contents_);
        return std::move(contents_);
    }

private:
    std::vector<Sample>& samples(Split split) { return contents_.splits[static_cast<std::size_t>(split)]; }
    std::string& origin(Split split) { return contents_.origins[static_cast<std::size_t>(split)]; }
    void warn(std::string text) { contents_.remarks.push_back({true, std::move(text)}); }

    [[noreturn]] void refuse_empty(const std::string& root, const ClassFolders& folder) const {
        throw InputError(fmt::format("[folder] {} has no folders with images (CLASS/*.{}){}", root, image_extensions(),
                                     what_else(folder)));
    }

    void read_flat() {
        ClassFolders all = read_classes(path_);
        if (all.samples.empty()) refuse_empty(path_, all);
        contents_.label_names = std::move(all.classes);
        samples(Split::train) = std::move(all.samples);
        warn_of_loose(all.loose, "");
        warn_of_inner_splits();
        found_ = std::move(all.found);
        flat_ = true;
    }

    void read_divided() {
        std::array<ClassFolders, 3> read;
        for (const Split split : kSplits) read[static_cast<std::size_t>(split)] = read_split(split);
        contents_.label_names = read[0].classes;
        if (folders_.of(Split::train).empty()) {  // a set to score on
            std::set<std::string> classes;
            for (const ClassFolders& folder : read) classes.insert(folder.classes.begin(), folder.classes.end());
            contents_.label_names.assign(classes.begin(), classes.end());
        }
        for (const Split split : kSplits) take(split, std::move(read[static_cast<std::size_t>(split)]));
        ImageTree own = find_own_images(path_);
        warn_of_loose(std::exchange(own.images, {}), "");
        for (const auto member : {&ImageTree::hidden, &ImageTree::others, &ImageTree::texts})
            (found_.*member).insert((found_.*member).end(), (own.*member).begin(), (own.*member).end());
        if (!folders_.others.empty())
            warn(fmt::format("{} folders beside those of the splits are ignored: {}", folders_.others.size(),
                             some_of(folders_.others)));
    }

    /// Reads the first folder of the split that holds something; the others are named.
    ClassFolders read_split(Split split) {
        ClassFolders result;
        std::string taken;
        std::vector<std::string> ignored;
        for (const std::string& name : folders_.of(split)) {
            if (!result.samples.empty()) {
                ignored.push_back(name);
                continue;
            }
            ClassFolders folder = read_classes(path_ + "/" + name);
            if (!taken.empty() && folder.samples.empty()) continue;
            result = std::move(folder);
            taken = name;
        }
        origin(split) = taken.empty() ? "" : "folder " + taken;
        names_[static_cast<std::size_t>(split)] = taken;
        if (!ignored.empty())
            warn(fmt::format("{} is the {} split, ignored are: {}", taken, split_name(split), some_of(ignored)));
        if (split == Split::train && !taken.empty() && result.samples.empty())
            refuse_empty(path_ + "/" + taken, result);
        return result;
    }

    /// Takes over what a split's folder holds, its classes numbered as the set's.
    void take(Split split, ClassFolders folder) {
        const std::string& name = names_[static_cast<std::size_t>(split)];
        if (name.empty()) return;
        std::vector<std::int32_t> labels;
        for (std::size_t i = 0; i < folder.classes.size(); ++i) labels.push_back(label_of(name, folder, i));
        for (Sample& sample : folder.samples) {
            sample.label = labels[static_cast<std::size_t>(sample.label)];
            samples(split).push_back(std::move(sample));
        }
        found_.add(folder.found, name);
        if (!samples(split).empty()) return warn_of_loose(folder.loose, name);
        if (split == Split::val && !folder.loose.empty())
            throw InputError(
                fmt::format("[folder] {}/{} has no folders of classes (CLASS/*.png): the {} images in it "
                            "have no label; sort them, or move the folder away and {} % of train are held "
                            "out for validation",
                            path_, name, folder.loose.size(), 100 * options_.val_fraction));
        warn(folder.loose.empty()
                 ? fmt::format("folder {} holds no images", name)
                 : fmt::format("folder {} has no folders of classes (CLASS/*.png): the {} images in it "
                               "have no label and are ignored",
                               name, folder.loose.size()));
        origin(split).clear();
    }

    /// The set's number of a split's class; -1 for one without images that the set does not have.
    std::int32_t label_of(const std::string& split, const ClassFolders& folder, std::size_t i) {
        const auto& all = contents_.label_names;
        const std::string& name = folder.classes[i];
        const auto found = std::ranges::find(all, name);
        if (found != all.end()) return static_cast<std::int32_t>(found - all.begin());
        if (std::ranges::find(folder.samples, static_cast<std::int32_t>(i), &Sample::label) != folder.samples.end())
            throw InputError(fmt::format("[folder] {}/{}/{} is a class that train does not have{}", path_, split, name,
                                         suggestion(name, all)));
        warn(fmt::format("folder {}/{} holds no images, and train has no such class: it is ignored", split, name));
        return -1;
    }

    void warn_of_loose(const std::vector<std::string>& loose, const std::string& folder) {
        if (!loose.empty())
            warn(fmt::format("{} images lie beside the folders{}{}, have no label and are ignored: {}", loose.size(),
                             folder.empty() ? "" : " of ", folder, some_of(loose)));
    }

    /// Folders of splits within those of classes look as if they meant something.
    void warn_of_inner_splits() {
        std::set<std::string> inner;
        for (const Sample& sample : samples(Split::train)) {
            const std::size_t begin = sample.name.find('/') + 1, end = sample.name.find('/', begin);
            if (end == std::string::npos) continue;
            const std::string name = sample.name.substr(begin, end - begin);
            if (split_of_folder(name)) inner.insert(name);
        }
        if (inner.empty()) return;
        const auto& classes = contents_.label_names;
        warn(fmt::format(
            "the folders {} within those of classes are not taken for splits, which lie above the classes{}",
            some_of({inner.begin(), inner.end()}),
            classes.size() == 1 ? fmt::format("; folder:{}/{} may be what is meant", path_, classes[0]) : ""));
    }

    /// Makes the splits that the folder does not bring.
    void hold_out_missing() {
        auto &train = samples(Split::train), &val = samples(Split::val), &test = samples(Split::test);
        if (train.empty()) return;
        const bool made = flat_ || val.empty();
        if (made && options_.group_by.empty())
            for (Remark& hint : patient_hint(train)) contents_.remarks.push_back(std::move(hint));
        if (flat_) {
            const double fraction = options_.split_rule == "old" ? kOldTestFraction : options_.test_fraction;
            origin(Split::test) = divided_text(fraction, "all", train, options_);
            origin(Split::train) = "the rest";
            divide(train, test, fraction, options_);
        }
        if (val.empty()) {
            origin(Split::val) = divided_text(options_.val_fraction, flat_ ? "the rest" : "train", train, options_);
            divide(train, val, options_.val_fraction, options_);
        }
    }

    std::string path_;
    const DatasetOptions& options_;
    SplitFolders folders_;
    std::array<std::string, 3> names_;  // of the splits' folders
    ImageTree found_;
    DatasetContents contents_;
    bool flat_ = false;
};

}  // namespace

std::unique_ptr<Dataset> open_folder(const std::string& path, const DatasetOptions& options) {
    if (!is_folder(path)) throw UsageError(fmt::format("[folder] {} is not a folder", path));
    return make_file_dataset(FolderReader(path, options).run(), options);
}

}  // namespace keel
