// table:DIR. DIR/labels.csv has a row an image: its file, its split, then a column a label: 1, 0, or nothing where
// nobody knows.
#include <filesystem>

#include "data/formats/csv.h"
#include "data/sources/divide.h"
#include "data/sources/sources.h"
#include "kernels/error.h"
#include "tests/data/example_source.h"

namespace keel {
namespace {

/// Reads a row's cells from the third on into the sample.
void read_labels(const std::vector<std::string>& cells, const std::string& where, Sample& sample) {
    for (std::size_t i = 0; i + 2 < cells.size(); ++i) {
        const std::string& cell = cells[i + 2];
        const std::uint64_t bit = std::uint64_t{1} << i;
        if (cell == "1")
            sample.mask |= bit;
        else if (cell.empty())
            sample.known &= ~bit;
        else if (cell != "0")
            throw InputError("[table] " + where + ": wanted 1, 0 or nothing, got '" + cell + "'");
    }
}

}  // namespace

std::unique_ptr<Dataset> open_table(const std::string& path, const DatasetOptions& options) {
    const std::string table = path + "/labels.csv";
    const std::vector<std::string> lines = read_lines(table);
    const std::vector<std::string> header = split_fields(lines.empty() ? "" : lines[0], ',');
    if (header.size() < 3 || header.size() > 2 + std::size_t{kMaxLabels})
        throw InputError("[table] " + table + ": wanted the columns file, split and 1 to 64 labels");
    DatasetContents contents;
    contents.task = Task::labels;
    contents.label_names.assign(header.begin() + 2, header.end());
    auto& [train, val, test] = contents.splits;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::string where = table + ":" + std::to_string(i + 1);
        const std::vector<std::string> cells = split_fields(lines[i], ',');
        if (cells.size() != header.size())
            throw InputError("[table] " + where + ": another number of cells than the header");
        Sample sample{.name = cells[0], .file = path + "/" + cells[0]};
        read_labels(cells, where, sample);
        if (!std::filesystem::exists(sample.file))
            contents.missing.push_back(sample.name);
        else if (cells[1] == "train" || cells[1] == "val" || cells[1] == "test")
            contents.splits[static_cast<std::size_t>(parse_split(cells[1]))].push_back(std::move(sample));
        else
            throw InputError("[table] " + where + ": wanted train, val or test, got '" + cells[1] + "'");
    }
    if (train.empty()) throw InputError("[table] " + table + ": no image of train is there");
    if (val.empty()) divide(train, val, options.val_fraction, options);
    return make_file_dataset(std::move(contents), options);
}

}  // namespace keel
