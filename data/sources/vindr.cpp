// VinDr-CXR (Nguyen et al., Scientific Data 2022), as PhysioNet has it (annotations/image_labels_{train,test}.csv: a
// row an image and radiologist, a column a label) or as its Kaggle challenge has it (train.csv: a row a box). Images
// lie in train/ and test/ under their identifiers, as DICOM or as what people made of it.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "data/sources/published.h"
#include "data/sources/sources.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kVinDr = "vindr";

/// What radiologists said of an image.
struct Reading {
    std::set<std::string> readers{};
    std::map<std::size_t, std::set<std::string>> votes{};  ///< of each label
};

/// All readings of a table, of labels that are numbered as they come.
struct Readings {
    std::vector<std::string> labels{};
    std::map<std::string, Reading> images{};

    std::size_t number(const std::string& label) {
        const auto known = std::ranges::find(labels, label);
        if (known == labels.end() && labels.size() < std::size_t{kMaxLabels}) labels.push_back(label);
        return static_cast<std::size_t>(std::ranges::find(labels, label) - labels.begin());
    }
};

std::string image_of(const TableFile& file, const TableRow& row, std::size_t column) {
    std::string image = cell_of(file, row, column, kVinDr);
    if (image.empty()) throw InputError(fmt::format("[{}] {}: image_id is empty", kVinDr, file.where(row)));
    return image;
}

/// A column a label; without a reader's identifier (the test set's consensus) there is one reader.
void read_columns(const TableFile& file, Readings& readings) {
    const std::size_t image = need_column(file, "image_id", kVinDr);
    const auto reader = file.find("rad_id");
    std::vector<std::pair<std::size_t, std::size_t>> columns;  // of the table, of the labels
    for (std::size_t i = 0; i < file.header().size(); ++i)
        if (i != image && i != reader) columns.emplace_back(i, readings.number(file.header()[i]));
    file.for_each_row([&](TableRow& row) {
        Reading& reading = readings.images[image_of(file, row, image)];
        const std::string who = reader ? cell_of(file, row, *reader, kVinDr) : "consensus";
        reading.readers.insert(who);
        for (const auto& [column, label] : columns) {
            const std::string cell = cell_of(file, row, column, kVinDr);
            const auto truth = parse_truth(cell);
            if (truth != Truth::present && truth != Truth::absent)
                throw InputError(fmt::format("[{}] {}: wanted 1 or 0 in '{}', got '{}'", kVinDr, file.where(row),
                                             excerpt(file.header()[column]), excerpt(cell)));
            if (truth == Truth::present) reading.votes[label].insert(who);
        }
    });
}

/// A row a box, or `No finding`.
void read_boxes(const TableFile& file, Readings& readings) {
    const std::size_t image = need_column(file, "image_id", kVinDr), label = need_column(file, "class_name", kVinDr);
    const auto reader = file.find("rad_id");
    file.for_each_row([&](TableRow& row) {
        Reading& reading = readings.images[image_of(file, row, image)];
        const std::string who = reader ? cell_of(file, row, *reader, kVinDr) : "consensus",
                          name = cell_of(file, row, label, kVinDr);
        reading.readers.insert(who);
        const std::size_t number = readings.number(name);
        if (!printable(name) || number == readings.labels.size())
            throw InputError(fmt::format("[{}] {}: '{}' is no name, or the {}th of one", kVinDr, file.where(row),
                                         excerpt(name), kMaxLabels + 1));
        reading.votes[number].insert(who);
    });
}

bool agreed(std::size_t votes, std::size_t readers, const std::string& rule) {
    if (rule == "any") return votes > 0;
    return rule == "all" ? votes == readers : 2 * votes > readers;
}

LabelTable read_table(const std::string& path, const char* folder, std::optional<Split> split,
                      const std::string& rule) {
    const TableFile file(path);
    Readings readings;
    if (file.find("class_name"))
        read_boxes(file, readings);
    else
        read_columns(file, readings);
    if (readings.labels.empty()) throw InputError(fmt::format("[{}] {} names no labels", kVinDr, path));
    LabelTable table{.who = kVinDr, .path = path, .labels = readings.labels};
    std::int64_t several = 0, split_votes = 0;
    for (const auto& [image, reading] : readings.images) {
        LabelRow row{.name = fmt::format("{}/{}", folder, image), .split = split};
        row.truths.assign(readings.labels.size(), Truth::absent);
        for (const auto& [label, votes] : reading.votes) {
            if (agreed(votes.size(), reading.readers.size(), rule)) row.truths[label] = Truth::present;
            split_votes += votes.size() < reading.readers.size() ? 1 : 0;
        }
        several += reading.readers.size() > 1 ? 1 : 0;
        table.rows.push_back(std::move(row));
    }
    const std::string what = rule == "any"   ? "one of them sees"
                             : rule == "all" ? "all of them see"
                                             : "most of them see";
    table.remarks.push_back({false, fmt::format("{}, {}", path, file.form())});
    if (several > 0)
        table.remarks.push_back(
            {false, fmt::format("{} of {} images have several readers: what {} is present ({} labels "
                                "they do not agree on); --readers any, all or majority",
                                several, readings.images.size(), what, split_votes)});
    return table;
}

}  // namespace

std::unique_ptr<Dataset> open_vindr(const std::string& path, const DatasetOptions& options) {
    std::vector<Remark> remarks;
    const auto either = [&](const char* first, const char* second) {
        const std::string found = find_table(path, first, "", remarks);
        return found.empty() ? find_table(path, second, "", remarks) : found;
    };
    const std::string test = either("image_labels_test.csv", "annotations_test.csv");
    std::string train = either("image_labels_train.csv", "annotations_train.csv");
    if (train.empty()) train = find_table(path, "train.csv", "", remarks);
    if (train.empty() && test.empty())
        throw InputError(fmt::format("[{}] {} has neither image_labels_train.csv nor train.csv", kVinDr, path));
    const std::optional<Split> train_split = test.empty() ? std::nullopt : std::optional(Split::train);
    LabelTable table = train.empty() ? read_table(test, "test", Split::test, options.readers)
                                     : read_table(train, "train", train_split, options.readers);
    use_vocabulary(table);
    if (!train.empty() && !test.empty()) {
        LabelTable more = read_table(test, "test", Split::test, options.readers);
        use_vocabulary(more);
        append_rows(table, std::move(more));
    }
    table.remarks.insert(table.remarks.end(), remarks.begin(), remarks.end());
    table.path = path;
    table.roots = {options.root.empty() ? path : options.root};
    table.origin = "by the set's tables";
    return make_table_dataset(std::move(table), options);
}

}  // namespace keel
