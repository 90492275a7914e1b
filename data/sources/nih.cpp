// NIH ChestX-ray14 as NIH publishes it (Wang et al., CVPR 2017), and the phantom set, which has the same layout.
#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "data/sources/nih_table.h"
#include "data/sources/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Returns the path of each file name, for images*/ and the images/ that NIH's archives unpack into it; the first
/// folder by name wins.
std::unordered_map<std::string, std::string> index_images(const std::string& root) {
    std::unordered_map<std::string, std::string> paths;
    const auto add = [&](const std::string& directory) {
        for (const std::string& name : list_images(directory)) paths.emplace(name, directory + "/" + name);
    };
    for (const std::string& name : list_directories(root)) {
        if (!name.starts_with("images")) continue;
        const std::string directory = root + "/" + name;
        add(directory);
        if (std::filesystem::is_directory(directory + "/images")) add(directory + "/images");
    }
    if (paths.empty()) throw InputError(fmt::format("[nih] {} has no images*/ folder with images", root));
    return paths;
}

std::string find_table(const std::string& root) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("Data_Entry") && name.ends_with(".csv")) found.push_back(entry.path().string());
    }
    if (found.empty()) throw InputError(fmt::format("[nih] {} has no Data_Entry*.csv", root));
    return *std::ranges::min_element(found);
}

/// Returns the samples of the table whose images are there; the names of the others, and of images that no row names,
/// to `contents`.
std::vector<Sample> read_samples(const std::string& path, std::unordered_map<std::string, std::string> images,
                                 DatasetContents& contents) {
    std::vector<Sample> samples;
    for (NihRow& row : read_nih_table(path)) {
        const auto image = images.find(row.name);
        if (image == images.end()) {
            contents.missing.push_back(std::move(row.name));
            continue;
        }
        Sample& sample = samples.emplace_back();
        sample.name = std::move(row.name);
        sample.file = std::move(image->second);
        sample.mask = row.mask;
        sample.patient = std::move(row.patient);
        images.erase(image);
    }
    if (samples.empty())
        throw InputError(fmt::format("[nih] {}: none of its {} images is there", path, contents.missing.size()));
    for (const auto& [name, file] : images) contents.unlabelled.push_back(name);
    std::ranges::sort(contents.unlabelled);
    return samples;
}

std::unordered_set<std::string> read_list(const std::string& path) {
    std::unordered_set<std::string> names;
    for (std::string& line : read_lines(path)) {
        if (!line.empty()) names.insert(std::move(line));
    }
    return names;
}

/// Returns the patients held out of those of the given rows.
std::unordered_set<std::string> hold_out_patients(const std::vector<Sample>& samples, const std::vector<bool>& among,
                                                  double fraction, std::uint64_t seed) {
    std::unordered_set<std::string> patients;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (among[i]) patients.insert(samples[i].patient);
    }
    const std::vector<std::string> keys(patients.begin(), patients.end());
    const std::vector<bool> held = hold_out(keys, fraction, seed);
    std::unordered_set<std::string> result;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (held[i]) result.insert(keys[i]);
    }
    return result;
}

/// Distributes the samples over the splits: test by the official lists where both are there, else by patient; val by
/// patient.
void divide(std::vector<Sample> samples, const std::string& root, const DatasetOptions& options,
            DatasetContents& contents) {
    const std::string train_path = root + "/train_val_list.txt", test_path = root + "/test_list.txt";
    const bool has_train = std::filesystem::exists(train_path), has_test = std::filesystem::exists(test_path);
    if (has_train != has_test)
        throw InputError(fmt::format("[nih] {} has one of train_val_list.txt and test_list.txt, not both", root));
    std::vector<bool> test(samples.size()), train(samples.size());
    if (has_train) {
        const auto train_names = read_list(train_path), test_names = read_list(test_path);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            train[i] = train_names.contains(samples[i].name);
            test[i] = test_names.contains(samples[i].name);
            if (train[i] && test[i])
                throw InputError(fmt::format("[nih] {} is in both lists of {}", samples[i].name, root));
        }
    } else {
        const auto patients = hold_out_patients(samples, std::vector<bool>(samples.size(), true), options.test_fraction,
                                                options.split_seed);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            test[i] = patients.contains(samples[i].patient);
            train[i] = !test[i];
        }
    }
    contents.origins = {
        has_train ? "by the official list" : "the rest",
        held_out_text(options.val_fraction, "the patients left", options.split_seed),
        has_train ? "by the official list" : held_out_text(options.test_fraction, "all patients", options.split_seed)};
    const auto val_patients = hold_out_patients(samples, train, options.val_fraction, options.split_seed);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!test[i] && !train[i]) {
            contents.unlisted.push_back(std::move(samples[i].name));
            continue;
        }
        const Split split = test[i]                                     ? Split::test
                            : val_patients.contains(samples[i].patient) ? Split::val
                                                                        : Split::train;
        contents.splits[static_cast<std::size_t>(split)].push_back(std::move(samples[i]));
    }
}

}  // namespace

std::unique_ptr<Dataset> open_nih(const std::string& path, const DatasetOptions& options) {
    DatasetContents contents;
    contents.task = Task::labels;
    contents.label_names.assign(nih_labels().begin(), nih_labels().end());
    if (!std::filesystem::is_directory(path)) throw UsageError(fmt::format("[nih] {} is not a folder", path));
    auto images =
        index_images(path);  // first, so that a folder with nothing of NIH's gets the same message of every compiler
    std::vector<Sample> samples = read_samples(find_table(path), std::move(images), contents);
    divide(std::move(samples), path, options, contents);
    return make_file_dataset(std::move(contents), options);
}

std::unique_ptr<Dataset> open_phantom(const std::string& path, const DatasetOptions& options) {
    if (!std::filesystem::exists(path + "/" + kPhantomMarker)) {
        throw InputError(fmt::format("[phantom] {} has no {}: not a phantom set", path, kPhantomMarker));
    }
    return open_nih(path, options);
}

}  // namespace keel
