#include "data/sources/table_columns.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/formats/image_format.h"
#include "data/sources/label_table.h"
#include "data/sources/sources.h"
#include "data/sources/split_folders.h"
#include "data/sources/truth.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Keys = std::span<const std::string_view>;

/// column_key() of what columns are called, the surest first.
constexpr std::string_view kPath[] = {"path",      "imagepath", "filepath", "imageindex", "imageid",   "imagename",
                                      "imagefile", "filename",  "fileid",   "file",       "image",     "img",
                                      "imgpath",   "imgname",   "imgfile",  "dicomid",    "dicompath", "dicom",
                                      "png",       "jpg",       "jpgpath",  "imgid",      "name",      "id"};
constexpr std::string_view kPatient[] = {"patientid",     "patient",    "subjectid", "subject",
                                         "patientnumber", "patientsid", "pid"};
constexpr std::string_view kSplit[] = {"split", "subset", "partition", "set", "dataset", "phase", "usage", "fold"};
constexpr std::string_view kView[] = {"viewposition", "view", "projection", "appa", "viewpositiondicom", "imageview"};
constexpr std::string_view kOtherView[] = {"frontallateral"};
constexpr std::string_view kSex[] = {"sex", "gender", "patientsex", "patientgender", "patientsexdicom"};
constexpr std::string_view kAge[] = {"age", "patientage", "ageyears", "ageinyears", "patientageyears"};
constexpr std::string_view kWeight[] = {"sampleweight", "sampleweights", "imageweight"};
constexpr std::string_view kNamedLabels[] = {
    "findinglabels", "labels",    "label",  "findings", "finding",   "class",       "classname", "classes",
    "diagnosis",     "diagnoses", "target", "category", "pathology", "pathologies", "dx",        "y"};
/// Numbers that are no labels, even where a small table has none but 0 and 1.
constexpr std::string_view kNoLabels[] = {"",
                                          "index",
                                          "unnamed0",
                                          "followup",
                                          "studyid",
                                          "seriesid",
                                          "width",
                                          "height",
                                          "rows",
                                          "columns",
                                          "originalimagewidth",
                                          "originalimageheight",
                                          "month",
                                          "offset",
                                          "classid",
                                          "radid"};

bool is_one_of(std::string_view key, Keys keys) { return std::ranges::find(keys, key) != keys.end(); }

/// What the cells of a column are.
struct Contents {
    bool truths = true;   ///< each says 1, 0, -1 or nothing
    bool known = false;   ///< not all are blank
    bool splits = true;   ///< each is the name of a split or blank
    bool images = false;  ///< the first ends as an image does
    bool lists = false, bars = false, semicolons = false, commas = false, no_finding = false;
};

class Chooser {
public:
    Chooser(const TableFile& table, const DatasetOptions& options, const std::string& who, std::vector<Remark>& remarks)
        : table_(table), options_(options), who_(who), remarks_(remarks), contents_(table.header().size()) {}

    TableColumns run() {
        look();
        TableColumns c;
        c.path = choose_path();
        c.patient = choose(options_.patient_column, kPatient, "patient");
        c.split = choose(options_.split_column, kSplit, "split");
        if (c.split && options_.split_column.empty() && !contents_[*c.split].splits) {
            note("the column '{}' does not name splits and is not used; --split-column takes it all the same",
                 *c.split);
            c.split.reset();
        }
        c.view = choose(options_.view_column, kView, "view");
        if (options_.view_column.empty()) c.other_view = choose("", kOtherView, "view");
        if (!c.view) c.view = std::exchange(c.other_view, std::nullopt);
        c.sex = choose(options_.sex_column, kSex, "sex");
        c.age = choose(options_.age_column, kAge, "age");
        c.weight = choose(options_.weight_column, kWeight, "weight");
        choose_labels(c);
        choose_task(c);
        describe(c);
        return c;
    }

private:
    const std::string& title(std::size_t column) const { return table_.header()[column]; }
    void note(const char* text, std::size_t column) {
        remarks_.push_back({false, fmt::format(fmt::runtime(text), excerpt(title(column)))});
    }

    /// Reads all cells once.
    void look() {
        table_.for_each_row([&](TableRow& row) {
            if (row.cells.size() != contents_.size())
                throw InputError(fmt::format("[{}] {}: {} cells, the header has {}", who_, table_.where(row),
                                             row.cells.size(), contents_.size()));
            for (std::size_t i = 0; i < contents_.size(); ++i) look_at(trimmed(row.cells[i]), contents_[i]);
        });
    }
    static void look_at(std::string_view cell, Contents& c) {
        if (cell.empty()) return;
        if (c.truths) {
            const std::optional<Truth> truth = parse_truth(cell);
            c.truths = truth.has_value();
            c.known = c.known || (truth && *truth != Truth::blank);
        }
        c.splits = c.splits && split_of_folder(cell).has_value();
        c.images = c.images || has_image_extension(cell);
        c.lists = c.lists || (cell.starts_with('[') && cell.ends_with(']'));
        c.bars = c.bars || cell.find('|') != std::string_view::npos;
        c.semicolons = c.semicolons || cell.find(';') != std::string_view::npos;
        c.commas = c.commas || cell.find(',') != std::string_view::npos;
        c.no_finding = c.no_finding || common_label_name(cell) == kNoFinding;
    }

    /// Returns the column that an option names.
    std::size_t named(const std::string& name, const char* what) const {
        if (const auto column = table_.find(name)) return *column;
        throw UsageError(fmt::format("[{}] {}: no column '{}' for the {}{}; there are: {}", who_, table_.path(),
                                     excerpt(name), what, suggestion(name, table_.header()),
                                     some_of(table_.header(), 20)));
    }
    std::optional<std::size_t> choose(const std::string& option, Keys keys, const char* what) {
        if (option == "none") return std::nullopt;
        if (!option.empty()) return taken(named(option, what));
        for (const std::string_view key : keys)
            if (const auto column = table_.find(key); column && !is_taken(*column)) return taken(*column);
        return std::nullopt;
    }
    bool is_taken(std::size_t column) const { return std::ranges::find(taken_, column) != taken_.end(); }
    std::size_t taken(std::size_t column) {
        taken_.push_back(column);
        return column;
    }

    std::size_t choose_path() {
        if (!options_.path_column.empty()) return taken(named(options_.path_column, "images"));
        for (std::size_t i = 0; i < contents_.size(); ++i)
            if (contents_[i].images && is_one_of(column_key(title(i)), kPath)) return taken(i);
        for (std::size_t i = 0; i < contents_.size(); ++i)
            if (contents_[i].images) return taken(i);
        if (const auto column = choose("", kPath, "images")) return *column;
        throw InputError(fmt::format("[{}] {}:1: no column names images; --path-column says which of: {}", who_,
                                     table_.path(), some_of(table_.header(), 20)));
    }

    void choose_labels(TableColumns& c) {
        std::vector<std::string> blank;
        if (!options_.label_columns.empty()) {
            for (const std::string& name : split_text(options_.label_columns, ','))
                c.labels.push_back(named(std::string(trimmed(name)), "labels"));
        } else if (const auto column = text_column()) {
            c.labels = {*column};
        } else {
            for (std::size_t i = 0; i < contents_.size(); ++i) {
                if (!contents_[i].truths || is_taken(i) || is_one_of(column_key(title(i)), kNoLabels)) continue;
                if (contents_[i].known)
                    c.labels.push_back(i);
                else
                    blank.push_back(title(i));
            }
        }
        if (options_.label_columns.empty() && !blank.empty())
            remarks_.push_back({false, fmt::format("columns of blanks alone are no labels: {}", some_of(blank, 14))});
        if (c.labels.empty())
            throw InputError(fmt::format("[{}] {}:1: no column of labels; --label-columns says which of: {}", who_,
                                         table_.path(), some_of(table_.header(), 20)));
        const bool of_any_name = is_one_of(column_key(title(c.labels[0])), kNamedLabels);
        c.named = c.labels.size() == 1 &&
                  (!contents_[c.labels[0]].truths || (of_any_name && options_.label_type != "labels"));
    }
    /// Returns the first column that names labels in words.
    std::optional<std::size_t> text_column() const {
        for (const std::string_view key : kNamedLabels)
            if (const auto column = table_.find(key); column && !is_taken(*column) && !contents_[*column].truths)
                return column;
        return std::nullopt;
    }

    void choose_task(TableColumns& c) const {
        if (!c.named) {
            c.task = options_.label_type == "classes" ? Task::classes : Task::labels;
            return;
        }
        const Contents& cells = contents_[c.labels[0]];
        c.lists = options_.label_separator.empty() && cells.lists;
        if (options_.label_type == "classes") {
            c.task = Task::classes;
            c.lists = false;
            return;
        }
        c.separator = !options_.label_separator.empty() ? options_.label_separator
                      : cells.bars                      ? "|"
                      : cells.semicolons                ? ";"
                      : cells.commas                    ? ","
                                                        : "";
        const bool several = c.lists || !c.separator.empty() || cells.no_finding || repeated(c.path);
        c.task = options_.label_type == "labels" || several ? Task::labels : Task::classes;
    }
    /// Whether a cell of the column occurs twice.
    bool repeated(std::size_t column) const {
        std::unordered_set<std::string> seen;
        bool twice = false;
        table_.for_each_row([&](TableRow& row) {
            if (column < row.cells.size()) twice = twice || !seen.insert(row.cells[column]).second;
        });
        return twice;
    }

    void describe(const TableColumns& c) {
        std::vector<std::string> roles{fmt::format("images '{}'", excerpt(title(c.path)))};
        const std::pair<const char*, std::optional<std::size_t>> others[] = {
            {"patients", c.patient}, {"splits", c.split}, {"views", c.view},    {"views also", c.other_view},
            {"sex", c.sex},          {"age", c.age},      {"weights", c.weight}};
        for (const auto& [what, column] : others)
            if (column) roles.push_back(fmt::format("{} '{}'", what, excerpt(title(*column))));
        std::vector<std::string> labels;
        for (const std::size_t column : c.labels) labels.push_back(title(column));
        const std::string how = !c.named              ? fmt::format("{} of one column each", labels.size())
                                : c.lists             ? "named in lists"
                                : c.separator.empty() ? "one a cell"
                                                      : fmt::format("separated by '{}'", c.separator);
        remarks_.push_back(
            {false, fmt::format("{}, {}; its columns: {}", table_.path(), table_.form(), fmt::join(roles, ", "))});
        const bool classes = c.task == Task::classes;
        remarks_.push_back(
            {false, fmt::format("{} are in '{}', {}{}", classes ? "classes" : "labels", some_of(labels, 14), how,
                                options_.label_type != "auto" ? ""
                                : classes                     ? "; --label-type labels takes them as labels"
                                                              : "; --label-type classes takes them as classes")});
    }

    const TableFile& table_;
    const DatasetOptions& options_;
    const std::string& who_;
    std::vector<Remark>& remarks_;
    std::vector<Contents> contents_;
    std::vector<std::size_t> taken_;
};

}  // namespace

TableColumns choose_columns(const TableFile& table, const DatasetOptions& options, const std::string& who,
                            std::vector<Remark>& remarks) {
    return Chooser(table, options, who, remarks).run();
}

}  // namespace keel
