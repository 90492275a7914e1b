// NIH ChestX-ray14 as NIH publishes it (Wang et al., CVPR 2017), and the phantom set, which has the same layout.
#include <filesystem>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "data/sources/divide.h"
#include "data/sources/image_finder.h"
#include "data/sources/label_csv.h"
#include "data/sources/nih_table.h"
#include "data/sources/patients_and_views.h"
#include "data/sources/published.h"
#include "data/sources/sources.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Returns images*/ and the images/ that NIH's archives unpack into it, by name.
std::vector<std::string> image_folders(const std::string& root) {
    std::vector<std::string> folders;
    bool any = false;
    for (const std::string& name : list_directories(root)) {
        if (!name.starts_with("images")) continue;
        for (const std::string& folder : {root + "/" + name, root + "/" + name + "/images"}) {
            if (!is_folder(folder)) continue;
            folders.push_back(folder);
            any = any || !list_images(folder).empty();
        }
    }
    if (!any) throw InputError(fmt::format("[nih] {} has no images*/ folder with images", root));
    return folders;
}

/// Returns the samples of the table whose images are there; the names of the others, and of images that no row names,
/// to `contents`.
std::vector<Sample> read_samples(const std::string& path, const std::vector<std::string>& folders,
                                 DatasetContents& contents) {
    ImageFinder finder(folders);
    std::vector<Sample> samples;
    std::unordered_map<std::string, std::string> rows;  // of images, by file
    for (NihRow& row : read_nih_table(path, &contents.remarks)) {
        std::string file = finder.find(row.name);
        if (file.empty()) {
            contents.missing.push_back(std::move(row.name));
            continue;
        }
        const auto [other, fresh] = rows.emplace(file, row.name);
        if (!fresh)
            throw InputError(
                fmt::format("[nih] {}: {} has a row already, as {}", path, excerpt(row.name), excerpt(other->second)));
        Sample& sample = samples.emplace_back();
        sample.name = std::filesystem::path(file).filename().string();
        sample.file = std::move(file);
        sample.mask = row.mask;
        sample.patient = std::move(row.patient);
        sample.attributes = std::move(row.attributes);
    }
    if (samples.empty())
        throw InputError(fmt::format(
            "[nih] {}: none of its {} images is there{}", path, contents.missing.size(),
            contents.missing.empty() ? ""
                                     : fmt::format(" ({}), in {}", some_of(contents.missing, 2), some_of(folders))));
    contents.unlabelled = finder.unused();
    for (Remark& remark : finder.remarks()) contents.remarks.push_back(std::move(remark));
    return samples;
}

/// Marks the samples of each official list.
void read_lists(const std::string& train_path, const std::string& test_path, const std::vector<Sample>& samples,
                std::vector<bool>& train, std::vector<bool>& test, DatasetContents& contents) {
    NameList train_names(train_path), test_names(test_path);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        train[i] = train_names.contains(samples[i].name);
        test[i] = test_names.contains(samples[i].name);
        if (train[i] && test[i])
            throw InputError(
                fmt::format("[nih] {} is in both lists: {} and {}", samples[i].name, train_path, test_path));
    }
    // Names of images that are not there are rows all the same.
    for (const std::string& name : contents.missing) train_names.contains(name), test_names.contains(name);
    for (const NameList* list : {&train_names, &test_names})
        for (Remark& remark : list->remarks("the table")) contents.remarks.push_back(std::move(remark));
}

/// Distributes the samples over the splits: test by the official lists where both are there, else by patient; val by
/// patient.
void distribute(std::vector<Sample> samples, const std::string& root, const DatasetOptions& options,
                DatasetContents& contents) {
    const std::string train_path = root + "/train_val_list.txt", test_path = root + "/test_list.txt";
    const bool has_train = is_there(train_path), has_test = is_there(test_path);
    if (has_train != has_test)
        throw InputError(fmt::format("[nih] {} has one of train_val_list.txt and test_list.txt, not both", root));
    std::vector<bool> test(samples.size()), train(samples.size());
    if (has_train) {
        read_lists(train_path, test_path, samples, train, test, contents);
    } else {
        test = hold_out_patients(samples, std::vector<bool>(samples.size(), true), options.test_fraction,
                                 options.split_seed);
        train = test;
        train.flip();
    }
    contents.origins = {
        has_train ? "by the official list" : "the rest",
        held_out_text(options.val_fraction, "the patients left", options.split_seed),
        has_train ? "by the official list" : held_out_text(options.test_fraction, "all patients", options.split_seed)};
    const std::vector<bool> val = hold_out_patients(samples, train, options.val_fraction, options.split_seed);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!test[i] && !train[i]) {
            contents.unlisted.push_back(std::move(samples[i].name));
            continue;
        }
        const Split split = test[i] ? Split::test : val[i] ? Split::val : Split::train;
        contents.splits[static_cast<std::size_t>(split)].push_back(std::move(samples[i]));
    }
}

/// Whether a table has none of NIH's columns, but one of images.
bool is_other_table(const std::string& path) {
    const TableFile file(path);
    return !file.find("Image Index") && !file.find("Finding Labels") && file.find("Path");
}

/// Opens a table of another set's form that lies where NIH's would.
std::unique_ptr<Dataset> open_other(const std::string& root, const std::string& path, std::vector<std::string> folders,
                                    std::vector<Remark> remarks, const DatasetOptions& options) {
    LabelTable table = read_label_table(path, options, "nih");
    remarks.push_back({true, path + " has none of NIH's columns and is read as csv:FILE would"});
    table.remarks.insert(table.remarks.begin(), remarks.begin(), remarks.end());
    folders.insert(folders.begin(), root);
    table.roots = std::move(folders);
    return make_table_dataset(std::move(table), options);
}

}  // namespace

std::unique_ptr<Dataset> open_nih(const std::string& path, const DatasetOptions& options) {
    if (!is_folder(path)) throw UsageError(fmt::format("[nih] {} is not a folder", path));
    // First, so that a folder with nothing of NIH's gets the same message of every compiler.
    const std::vector<std::string> folders = image_folders(path);
    DatasetContents contents;
    const std::string table = find_table(path, "Data_Entry", ".csv", contents.remarks);
    if (table.empty() || std::filesystem::path(table).parent_path() != std::filesystem::path(path))
        throw InputError(fmt::format("[nih] {} has no Data_Entry*.csv", path));
    if (is_other_table(table)) return open_other(path, table, folders, std::move(contents.remarks), options);
    contents.task = Task::labels;
    contents.label_names.assign(nih_labels().begin(), nih_labels().end());
    contents.attribute_names.assign(nih_attributes().begin(), nih_attributes().end());
    std::vector<Sample> samples = read_samples(table, folders, contents);
    distribute(std::move(samples), path, options, contents);
    keep_views(contents, options.view, "nih");
    return make_file_dataset(std::move(contents), options);
}

std::unique_ptr<Dataset> open_phantom(const std::string& path, const DatasetOptions& options) {
    if (!is_there(path + "/" + kPhantomMarker)) {
        throw InputError(fmt::format("[phantom] {} has no {}: not a phantom set", path, kPhantomMarker));
    }
    return open_nih(path, options);
}

}  // namespace keel
