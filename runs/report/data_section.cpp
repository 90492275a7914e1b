#include "runs/report/data_section.h"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "engine/json.h"
#include "runs/report/page.h"

namespace keel::report {
namespace {

constexpr const char* kNone = "–";

/// A member of an object; null where there is none, or no object.
Json member(const Json& object, const char* key) {
    return object.is_object() && object.contains(key) ? object[key] : Json();
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

/// Whole numbers from 0 on are counts.
std::optional<std::int64_t> count_of(const Json& value) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0) return std::nullopt;
    return value.get<std::int64_t>();
}

std::string cell(const std::optional<std::int64_t>& count) { return count ? std::to_string(*count) : kNone; }

/// The samples of a split that losses and scores have a use for; older runs do not tell them from those found.
std::optional<std::int64_t> used(const Json& split) {
    const auto samples = count_of(member(split, "samples")), unused = count_of(member(split, "unused"));
    return samples && unused ? std::optional(*samples - *unused) : std::nullopt;
}

/// A sentence of data.json, and whether it is one.
std::string remark_text(const Json& remark) {
    const std::string text = text_of(member(remark, "text"));
    return text.empty() ? "" : (member(remark, "warning") == true ? "Warning: " : "") + text;
}

/// What is said of one split, as HTML.
std::string remarks_on(const std::string& split, const Json& remarks) {
    std::string html;
    for (const auto& remark : remarks)
        if (text_of(member(remark, "split")) == split)
            html += (html.empty() ? "" : "<br/>") + escape(remark_text(remark));
    return html.empty() ? kNone : html;
}

std::string splits_table(const Json& splits, const Json& remarks) {
    std::vector<std::vector<std::string>> rows{
        {"split", "found", "used", "patients", "how it was made", "left out or not shown, and why"}};
    for (const auto& [name, split] : splits.items()) {
        const std::string origin = text_of(member(split, "origin"));
        const auto patients = count_of(member(split, "patients"));
        rows.push_back({escape(name), cell(count_of(member(split, "samples"))), cell(used(split)),
                        patients == 0 ? kNone : cell(patients), origin.empty() ? kNone : escape(origin),
                        remarks_on(name, remarks)});
    }
    return table(rows, "words");
}

std::string labels_table(const Json& splits, const Json& labels) {
    std::vector<std::vector<std::string>> rows{{"label"}};
    for (const auto& [name, split] : splits.items()) rows[0].push_back(escape(name));
    for (std::size_t i = 0; labels.is_array() && i < labels.size(); ++i) {
        auto& row = rows.emplace_back(1, escape(labels[i].is_string() ? text_of(labels[i]) : json_text(labels[i])));
        for (const auto& [name, split] : splits.items()) {
            const Json counts = member(split, "per_label");
            row.push_back(cell(counts.is_array() && i < counts.size() ? count_of(counts[i]) : std::nullopt));
        }
    }
    return rows.size() == 1 ? "" : table(rows);
}

}  // namespace

std::string data_html(const RunData& run) {
    if (!run.data.is_object()) return note("The run did not record what it found, used and left out of its data.");
    const Json splits = member(run.data, "splits"), remarks = member(run.data, "remarks");
    const bool has_splits = splits.is_object() && !splits.empty();
    std::string html = has_splits ? splits_table(splits, remarks) : "";
    for (const auto& remark : remarks) {
        const std::string split = text_of(member(remark, "split")), text = remark_text(remark);
        if (!text.empty() && !(has_splits && splits.contains(split))) html += note(text);
    }
    return html + (has_splits ? labels_table(splits, member(run.data, "labels")) : "");
}

std::vector<std::string> data_columns() { return {"train", "val", "test", "warnings"}; }

std::vector<std::string> data_row(const RunData& run) {
    std::vector<std::string> row;
    const Json splits = member(run.data, "splits"), remarks = member(run.data, "remarks");
    for (const Split split : kSplits) row.push_back(cell(used(member(splits, split_name(split)))));
    std::int64_t warnings = 0;
    for (const auto& remark : remarks) warnings += member(remark, "warning") == true;
    row.push_back(run.data.is_object() ? std::to_string(warnings) : kNone);
    return row;
}

std::vector<Remark> new_remarks(const RunData& run, const std::vector<Remark>& now) {
    if (!run.data.is_object()) return {};
    std::set<std::string> recorded;
    for (const auto& remark : member(run.data, "remarks")) recorded.insert(text_of(member(remark, "text")));
    for (const auto& split : member(run.data, "splits")) recorded.insert(text_of(member(split, "line")));
    std::vector<Remark> others;
    for (const Remark& remark : now)
        if (!recorded.contains(remark.text)) others.push_back(remark);
    return others;
}

}  // namespace keel::report
