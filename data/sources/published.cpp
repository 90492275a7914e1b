#include "data/sources/published.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/core.h>

#include "data/sources/sources.h"
#include "data/sources/vocabulary.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

namespace fs = std::filesystem;

Truth joined(Truth a, Truth b) {
    for (const Truth truth : {Truth::present, Truth::uncertain, Truth::absent})
        if (a == truth || b == truth) return truth;
    return Truth::blank;
}

}  // namespace

std::vector<std::string> root_and_folders(const std::string& root) {
    std::vector<std::string> folders{root};
    for (const std::string& name : list_directories(root))
        if (!name.starts_with('.')) folders.push_back(root + "/" + name);
    return folders;
}

std::vector<std::string> find_tables(const std::string& root, const std::string& begin, const std::string& end) {
    std::vector<std::string> found;
    for (const std::string& folder : root_and_folders(root)) {
        std::vector<std::string> here;
        for (const FolderEntry& entry : list_folder(folder)) {
            std::string name = lower_case(entry.name);
            if (name.ends_with(".gz")) name.resize(name.size() - 3);
            const bool fits = end.empty() ? name == lower_case(begin)
                                          : name.starts_with(lower_case(begin)) && name.ends_with(lower_case(end)) &&
                                                name.size() >= begin.size() + end.size();
            if (fits) here.push_back(folder + "/" + entry.name);
        }
        found.insert(found.end(), here.begin(), here.end());
        if (!found.empty() && folder == root) break;
    }
    return found;
}

std::string find_table(const std::string& root, const std::string& begin, const std::string& end,
                       std::vector<Remark>& remarks) {
    std::vector<std::string> found = find_tables(root, begin, end);
    if (found.empty()) return "";
    // 2017_v2020 before 2017, x.csv before x.csv.gz: compared without endings.
    const auto stem = [](const std::string& path) {
        return fs::path(path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path).replace_extension().string();
    };
    const auto newest = std::ranges::max_element(found, {}, stem);
    const std::string table = *newest;
    found.erase(newest);
    if (!found.empty())
        remarks.push_back({true, fmt::format("{} is read, the last by name; not used: {}", table, some_of(found))});
    return table;
}

std::string need_table(const std::string& root, const std::string& begin, const std::string& end,
                       const std::string& who, std::vector<Remark>& remarks) {
    std::string table = find_table(root, begin, end, remarks);
    if (table.empty()) throw InputError(fmt::format("[{}] {} has no {}*{}", who, root, begin, end));
    return table;
}

std::size_t need_column(const TableFile& table, const char* name, const std::string& who) {
    if (const auto column = table.find(name)) return *column;
    throw InputError(
        fmt::format("[{}] {}:1: no column '{}'; there are: {}", who, table.path(), name, some_of(table.header(), 20)));
}

std::string cell_of(const TableFile& table, const TableRow& row, std::size_t column, const std::string& who) {
    if (column >= row.cells.size())
        throw InputError(fmt::format("[{}] {}: {} cells, at least {} are wanted", who, table.where(row),
                                     row.cells.size(), column + 1));
    return std::string(trimmed(row.cells[column]));
}

void use_vocabulary(LabelTable& table) {
    std::vector<std::string> names, renamed;
    std::vector<std::size_t> to(table.labels.size());
    for (std::size_t i = 0; i < table.labels.size(); ++i) {
        const std::string name = common_label_name(table.labels[i]);
        if (name != table.labels[i]) renamed.push_back(fmt::format("{} is {}", table.labels[i], name));
        const auto known = std::ranges::find(names, name);
        to[i] = static_cast<std::size_t>(known - names.begin());
        if (known == names.end()) names.push_back(name);
    }
    for (LabelRow& row : table.rows) {
        std::vector<Truth> truths(names.size(), Truth::blank);
        for (std::size_t i = 0; i < row.truths.size(); ++i) truths[to[i]] = joined(truths[to[i]], row.truths[i]);
        row.truths = std::move(truths);
    }
    table.labels = std::move(names);
    if (!renamed.empty())
        table.remarks.push_back({false, "labels are called as in other sets: " + some_of(renamed, 20)});
}

void append_rows(LabelTable& to, LabelTable from) {
    const auto places = [](const std::vector<std::string>& wanted, const std::vector<std::string>& there) {
        std::vector<std::size_t> at;
        for (const std::string& name : wanted)
            at.push_back(static_cast<std::size_t>(std::ranges::find(there, name) - there.begin()));
        return at;
    };
    const std::vector<std::size_t> labels = places(to.labels, from.labels),
                                   attributes = places(to.attributes, from.attributes);
    std::vector<std::string> extra = from.labels;
    std::erase_if(extra,
                  [&](const std::string& name) { return std::ranges::find(to.labels, name) != to.labels.end(); });
    if (!extra.empty())
        to.remarks.push_back({true, fmt::format("{} has labels that {} has not, which are not used: {}", from.path,
                                                to.path, some_of(extra))});
    for (LabelRow& row : from.rows) {
        std::vector<Truth> truths;
        for (const std::size_t i : labels) truths.push_back(i < row.truths.size() ? row.truths[i] : Truth::blank);
        row.truths = std::move(truths);
        std::vector<std::string> values;
        for (const std::size_t i : attributes) values.push_back(i < row.attributes.size() ? row.attributes[i] : "");
        row.attributes = std::move(values);
        to.rows.push_back(std::move(row));
    }
    for (Remark& remark : from.remarks) to.remarks.push_back(std::move(remark));
}

}  // namespace keel
