// NIH ChestX-ray14 as NIH publishes it (Wang et al., CVPR 2017), and the phantom set, which has the same layout.
#include <algorithm>
#include <array>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>

#include <fmt/core.h>

#include "data/csv.h"
#include "data/phantom.h"
#include "data/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::array<const char*, 14> kLabels{"Atelectasis", "Cardiomegaly", "Effusion",           "Infiltration",  "Mass",
                                              "Nodule",      "Pneumonia",    "Pneumothorax",       "Consolidation", "Edema",
                                              "Emphysema",   "Fibrosis",     "Pleural_Thickening", "Hernia"};

struct Row {
    Sample sample;
    std::string patient;
};

/// File name to path, for images*/ and the images/ that NIH's archives unpack into it; the first folder by name wins.
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
    if (paths.empty()) throw InputError(fmt::format("[nih] {} has no images*/ folder with pictures", root));
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

/// `Atelectasis|Effusion` to bits; `No Finding` stands alone for none.
std::uint64_t parse_findings(const std::string& text, const std::string& where) {
    std::uint64_t mask = 0;
    if (text == "No Finding") return mask;
    for (const std::string& finding : split_fields(text, '|')) {
        const auto label = std::ranges::find_if(kLabels, [&](const char* known) { return finding == known; });
        if (label == kLabels.end()) throw InputError(fmt::format("[nih] {}: unknown label '{}'", where, finding));
        mask |= std::uint64_t{1} << (label - kLabels.begin());
    }
    return mask;
}

/// Where the columns that count are. The header's unquoted commas (OriginalImage[Width,Height]) lie behind them.
struct Columns {
    std::size_t image, findings, patient;
};

Columns find_columns(const std::vector<std::string>& header, const std::string& path) {
    const auto column = [&](const char* name) {
        const auto it = std::ranges::find(header, name);
        if (it == header.end()) throw InputError(fmt::format("[nih] {}:1: no column '{}'", path, name));
        return static_cast<std::size_t>(it - header.begin());
    };
    return {column("Image Index"), column("Finding Labels"), column("Patient ID")};
}

std::vector<Row> read_table(const std::string& path, const std::unordered_map<std::string, std::string>& images,
                            std::int64_t& missing) {
    const std::vector<std::string> lines = read_lines(path);
    if (lines.empty()) throw InputError(fmt::format("[nih] {} is empty", path));
    const Columns columns = find_columns(split_fields(lines[0], ','), path);
    const std::size_t wanted = std::max({columns.image, columns.findings, columns.patient}) + 1;
    std::vector<Row> rows;
    std::unordered_set<std::string> seen;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (lines[i].empty()) continue;
        const std::string where = fmt::format("{}:{}", path, i + 1);
        const std::vector<std::string> fields = split_fields(lines[i], ',');
        if (fields.size() < wanted)
            throw InputError(fmt::format("[nih] {}: {} fields, at least {} are wanted", where, fields.size(), wanted));
        const std::string& name = fields[columns.image];
        if (name.empty() || fields[columns.patient].empty())
            throw InputError(fmt::format("[nih] {}: image or patient is empty", where));
        if (!seen.insert(name).second) throw InputError(fmt::format("[nih] {}: {} has a row already", where, name));
        const std::uint64_t mask = parse_findings(fields[columns.findings], where);
        const auto image = images.find(name);
        if (image == images.end()) {
            ++missing;
            continue;
        }
        Row& row = rows.emplace_back();
        row.sample.name = name;
        row.sample.file = image->second;
        row.sample.mask = mask;
        row.patient = fields[columns.patient];
    }
    if (rows.empty()) throw InputError(fmt::format("[nih] {}: none of its {} pictures is there", path, missing));
    return rows;
}

std::unordered_set<std::string> read_list(const std::string& path) {
    std::unordered_set<std::string> names;
    for (std::string& line : read_lines(path)) {
        if (!line.empty()) names.insert(std::move(line));
    }
    return names;
}

/// Patients held out of those of the given rows.
std::unordered_set<std::string> hold_out_patients(const std::vector<Row>& rows, const std::vector<bool>& among, double fraction,
                                                  std::uint64_t seed) {
    std::unordered_set<std::string> patients;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (among[i]) patients.insert(rows[i].patient);
    }
    const std::vector<std::string> keys(patients.begin(), patients.end());
    const std::vector<bool> held = hold_out(keys, fraction, seed);
    std::unordered_set<std::string> result;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (held[i]) result.insert(keys[i]);
    }
    return result;
}

/// Distributes the rows over the splits: test by the official lists where both are there, else by patient; val by patient.
void divide(std::vector<Row> rows, const std::string& root, const DatasetOptions& options, DatasetContents& contents) {
    const std::string train_path = root + "/train_val_list.txt", test_path = root + "/test_list.txt";
    const bool has_train = std::filesystem::exists(train_path), has_test = std::filesystem::exists(test_path);
    if (has_train != has_test)
        throw InputError(fmt::format("[nih] {} has one of train_val_list.txt and test_list.txt, not both", root));
    std::vector<bool> test(rows.size()), train(rows.size());
    if (has_train) {
        const auto train_names = read_list(train_path), test_names = read_list(test_path);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            train[i] = train_names.contains(rows[i].sample.name);
            test[i] = test_names.contains(rows[i].sample.name);
            if (train[i] && test[i]) throw InputError(fmt::format("[nih] {} is in both lists of {}", rows[i].sample.name, root));
        }
    } else {
        const auto patients =
            hold_out_patients(rows, std::vector<bool>(rows.size(), true), options.test_fraction, options.split_seed);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            test[i] = patients.contains(rows[i].patient);
            train[i] = !test[i];
        }
    }
    const auto val_patients = hold_out_patients(rows, train, options.val_fraction, options.split_seed);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!test[i] && !train[i]) {
            ++contents.unlisted;
            continue;
        }
        const Split split = test[i] ? Split::test : val_patients.contains(rows[i].patient) ? Split::val : Split::train;
        contents.splits[static_cast<std::size_t>(split)].push_back(std::move(rows[i].sample));
    }
}

}  // namespace

std::span<const char* const> nih_labels() { return kLabels; }

std::unique_ptr<Dataset> open_nih(const std::string& path, const DatasetOptions& options) {
    DatasetContents contents;
    contents.task = Task::labels;
    contents.label_names.assign(kLabels.begin(), kLabels.end());
    if (!std::filesystem::is_directory(path)) throw UsageError(fmt::format("[nih] {} is not a folder", path));
    std::vector<Row> rows = read_table(find_table(path), index_images(path), contents.missing);
    divide(std::move(rows), path, options, contents);
    return make_file_dataset(std::move(contents));
}

std::unique_ptr<Dataset> open_phantom(const std::string& path, const DatasetOptions& options) {
    if (!std::filesystem::exists(path + "/" + kPhantomMarker)) {
        throw InputError(fmt::format("[phantom] {} has no {}: not a phantom set", path, kPhantomMarker));
    }
    return open_nih(path, options);
}

}  // namespace keel
