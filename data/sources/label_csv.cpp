#include "data/sources/label_csv.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "data/sources/nih_table.h"
#include "data/sources/sources.h"
#include "data/sources/split_folders.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kMostNames = 65'536;  // of labels or classes in one table

/// Returns "patient00001" of CheXpert's train/patient00001/study1/view1_frontal.jpg; empty where no folder is called
/// so.
std::string patient_in_path(const std::string& path) {
    for (const std::string& folder : split_text(path, '/'))
        if (folder.starts_with("patient") && folder.size() > 7 &&
            folder.find_first_not_of("0123456789", 7) == std::string::npos)
            return folder;
    return "";
}

class Reader {
public:
    Reader(const std::string& path, const DatasetOptions& options, const std::string& who)
        : file_(path), options_(options), who_(who) {
        table_.who = who;
        table_.path = path;
        columns_ = choose_columns(file_, options, who, table_.remarks);
        table_.task = columns_.task;
        for (const auto& [name, column] :
             {std::pair{"sex", columns_.sex}, {"age", columns_.age}, {"view", columns_.view}})
            if (column) table_.attributes.emplace_back(name);
    }

    LabelTable read() {
        if (columns_.named)
            collect_names();
        else
            for (const std::size_t column : columns_.labels) add_label(file_.header()[column], 1);
        file_.for_each_row([&](TableRow& row) { add(row); });
        if (table_.rows.empty()) throw InputError(fmt::format("[{}] {} has no rows", who_, table_.path));
        if (columns_.split) table_.origin = fmt::format("by the column '{}'", excerpt(file_.header()[*columns_.split]));
        say();
        return std::move(table_);
    }

private:
    [[noreturn]] void refuse(const TableRow& row, const std::string& what) const {
        throw InputError(fmt::format("[{}] {}: {}", who_, file_.where(row), what));
    }
    void say_count(bool warning, std::int64_t count, const std::string& what, const std::string& example) {
        if (count > 0) table_.remarks.push_back({warning, fmt::format("{} {}, as {}", count, what, excerpt(example))});
    }

    void add_label(const std::string& name, std::size_t line) {
        const std::string where = fmt::format("[{}] {}:{}: ", who_, table_.path, line);
        if (!printable(name))
            throw InputError(where + fmt::format("the label '{}' is empty or not printable", excerpt(name)));
        if (numbers_.size() >= kMostNames) throw InputError(where + fmt::format("more than {} labels", kMostNames));
        if (!numbers_.emplace(name, numbers_.size()).second)
            throw InputError(where + fmt::format("the label '{}' comes twice", excerpt(name)));
        table_.labels.push_back(name);
    }

    std::vector<std::string> names_in(const TableRow& row) const {
        const std::string& cell = row.cells[columns_.labels[0]];
        if (columns_.task == Task::labels) return labels_in(cell, columns_.lists, columns_.separator, file_.where(row));
        const std::string name(trimmed(cell));
        return name.empty() || column_key(name) == "nan" ? std::vector<std::string>{} : std::vector{name};
    }

    /// Finds all labels that cells name. Those that are numbers are in the numbers' order, others in that of the bytes.
    void collect_names() {
        std::map<std::string, std::size_t> names;
        file_.for_each_row([&](TableRow& row) {
            for (std::string& name : names_in(row)) {
                if (columns_.task == Task::labels && common_label_name(name) == kNoFinding) continue;
                names.emplace(std::move(name), row.line);
                if (names.size() > kMostNames) refuse(row, fmt::format("more than {} labels", kMostNames));
            }
        });
        if (names.empty())
            throw InputError(fmt::format("[{}] {}: no cell of '{}' names a label", who_, table_.path,
                                         excerpt(file_.header()[columns_.labels[0]])));
        std::vector<std::string> order;
        for (const auto& [name, line] : names) order.push_back(name);
        const auto is_number = [](const std::string& name) {
            return name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos;
        };
        if (std::ranges::all_of(order, is_number))
            std::ranges::stable_sort(order, {}, [](const std::string& name) { return std::stol(name); });
        for (const std::string& name : order) add_label(name, names[name]);
    }

    std::string cell(const TableRow& row, std::optional<std::size_t> column) const {
        return column ? std::string(trimmed(row.cells[*column])) : "";
    }

    void add(const TableRow& row) {
        const std::string& written = row.cells[columns_.path];
        LabelRow read{.name = std::string(trimmed(written))};
        if (read.name.size() != written.size() && blanks_++ == 0) blank_name_ = "'" + written + "'";
        if (read.name.empty()) refuse(row, fmt::format("no image in '{}'", excerpt(file_.header()[columns_.path])));
        read.patient = cell(row, columns_.patient);
        if (!columns_.patient && options_.patient_column.empty()) {
            read.patient = patient_in_path(read.name);
            if (!read.patient.empty() && from_paths_++ == 0)
                path_patient_ = fmt::format("{} of {}", read.patient, read.name);
        }
        read_split(row, read);
        read_attributes(row, read);
        if (columns_.weight) read.weight = weight_of(row);
        read_labels(row, read);
        keep(row, std::move(read));
    }

    void read_split(const TableRow& row, LabelRow& read) const {
        const std::string word = cell(row, columns_.split);
        read.split = split_of_folder(word);
        if (!word.empty() && !read.split)
            refuse(row, fmt::format("wanted a split (train, val, test), got '{}'", excerpt(word)));
    }

    void read_attributes(const TableRow& row, LabelRow& read) const {
        if (columns_.sex) read.attributes.push_back(sex_name(cell(row, columns_.sex)));
        if (columns_.age) read.attributes.push_back(age_in_years(cell(row, columns_.age)));
        if (!columns_.view) return;
        std::string view = view_name(cell(row, columns_.view));
        if (view.empty()) view = view_name(cell(row, columns_.other_view));
        read.attributes.push_back(std::move(view));
    }

    float weight_of(const TableRow& row) const {
        const std::string text = cell(row, columns_.weight);
        float weight = 0;
        const char* const end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, weight);
        if (error != std::errc() || at != end || !(weight >= 0 && weight <= 1e6F))
            refuse(row, fmt::format("wanted a weight from 0 to 1e6, got '{}'", excerpt(text)));
        return weight;
    }

    void read_labels(const TableRow& row, LabelRow& read) {
        if (columns_.named) {
            const std::vector<std::string> names = names_in(row);
            if (columns_.task == Task::classes) {
                if (!names.empty()) read.label = static_cast<std::int32_t>(numbers_.at(names[0]));
                return;
            }
            read.truths.assign(table_.labels.size(), names.empty() && !columns_.lists ? Truth::blank : Truth::absent);
            for (const std::string& name : names)
                if (common_label_name(name) != kNoFinding) read.truths[numbers_.at(name)] = Truth::present;
            return;
        }
        for (const std::size_t column : columns_.labels) {
            const std::optional<Truth> truth = parse_truth(row.cells[column]);
            if (!truth)
                refuse(row, fmt::format("wanted 1, 0, -1 or nothing in '{}', got '{}'", excerpt(file_.header()[column]),
                                        excerpt(row.cells[column])));
            read.truths.push_back(*truth);
        }
        if (columns_.task == Task::classes) read.label = only_present(row, read.truths);
        if (columns_.task == Task::labels && std::ranges::count(read.truths, Truth::present) != 1) one_each_ = false;
    }

    std::int32_t only_present(const TableRow& row, std::vector<Truth>& truths) const {
        const auto first = std::ranges::find(truths, Truth::present);
        if (first == truths.end() || std::find(first + 1, truths.end(), Truth::present) != truths.end())
            refuse(row, fmt::format("wanted one class, got {}", std::ranges::count(truths, Truth::present)));
        const auto label = static_cast<std::int32_t>(first - truths.begin());
        truths.clear();
        return label;
    }

    /// Adds a row, or what it says to the one of the same image.
    void keep(const TableRow& row, LabelRow read) {
        const auto [known, fresh] = at_.emplace(read.name, table_.rows.size());
        if (fresh) {
            table_.rows.push_back(std::move(read));
            return;
        }
        LabelRow& before = table_.rows[known->second];
        if (repeated_++ == 0) repeated_name_ = read.name;
        if (before.split != read.split)
            refuse(row, fmt::format("{} has a row already, of another split", excerpt(read.name)));
        if (columns_.named && columns_.task == Task::labels) {
            for (std::size_t i = 0; i < read.truths.size(); ++i)
                if (read.truths[i] == Truth::present || before.truths[i] == Truth::blank)
                    before.truths[i] = read.truths[i];
        } else if (before.truths != read.truths || before.label != read.label) {
            refuse(row, fmt::format("{} has a row already, with other labels", excerpt(read.name)));
        }
    }

    void say() {
        say_count(false, blanks_, "names of images are read without the blanks around them", blank_name_);
        say_count(false, from_paths_, "images' patients are named by a folder of their path", path_patient_);
        say_count(true, repeated_,
                  columns_.named && columns_.task == Task::labels ? "rows add labels to an image that has a row already"
                                                                  : "rows repeat one before them and are not used",
                  repeated_name_);
        if (!columns_.named && columns_.task == Task::labels && one_each_ && columns_.labels.size() > 1 &&
            options_.label_type == "auto")
            table_.remarks.push_back(
                {true, "every image shows exactly one label: --label-type classes trains on classes"});
    }

    TableFile file_;
    const DatasetOptions& options_;
    const std::string& who_;
    LabelTable table_;
    TableColumns columns_;
    std::unordered_map<std::string, std::size_t> numbers_;  ///< of the labels
    std::unordered_map<std::string, std::size_t> at_;       ///< of the rows, by name
    std::int64_t blanks_ = 0, from_paths_ = 0, repeated_ = 0;
    std::string blank_name_, path_patient_, repeated_name_;
    bool one_each_ = true;
};

}  // namespace

std::vector<std::string> labels_in(const std::string& cell, bool list, const std::string& separator,
                                   const std::string& where) {
    std::string_view text = trimmed(cell);
    std::vector<std::string> names;
    const auto add = [&](std::string_view name) {
        name = trimmed(name);
        if (parse_truth(name) != Truth::blank) names.emplace_back(name);
    };
    if (parse_truth(text) == Truth::blank) return names;
    if (!list) {
        if (separator.empty()) add(text);
        for (std::size_t at = 0; !separator.empty() && at != std::string_view::npos;) {
            const std::size_t end = text.find(separator, at);
            add(text.substr(at, end - at));
            at = end == std::string_view::npos ? end : end + separator.size();
        }
        return names;
    }
    const auto refuse = [&] {
        throw InputError(fmt::format("{}: wanted a list ['a', 'b'], got '{}'", where, excerpt(cell)));
    };
    if (text.size() < 2 || !text.starts_with('[') || !text.ends_with(']')) refuse();
    text = trimmed(text.substr(1, text.size() - 2));
    while (!text.empty()) {
        const char quote = text.front();
        const std::size_t end = quote == '\'' || quote == '"' ? text.find(quote, 1) : text.find(',');
        if (end == std::string_view::npos && (quote == '\'' || quote == '"')) refuse();
        const bool quoted = quote == '\'' || quote == '"';
        add(quoted ? text.substr(1, end - 1) : text.substr(0, end));
        text = trimmed(end == std::string_view::npos ? "" : text.substr(end + (quoted ? 1 : 0)));
        if (text.empty()) break;
        if (text.front() != ',') refuse();
        text = trimmed(text.substr(1));
    }
    return names;
}

LabelTable read_label_table(const std::string& path, const DatasetOptions& options, const std::string& who) {
    return Reader(path, options, who).read();
}

std::unique_ptr<Dataset> open_csv(const std::string& path, const DatasetOptions& options) {
    LabelTable table = read_label_table(path, options, "csv");
    table.roots = {options.root.empty() ? std::filesystem::path(path).parent_path().string() : options.root};
    if (table.roots[0].empty()) table.roots[0] = ".";
    return make_table_dataset(std::move(table), options);
}

}  // namespace keel
