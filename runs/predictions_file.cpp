#include "runs/predictions_file.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "data/formats/csv.h"
#include "engine/text.h"
#include "runs/prediction_columns.h"

namespace keel {
namespace {

/// A field for a reader that goes by lines.
std::string field(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return csv_field(text);
}

std::string target_text(float target) { return target < 0 ? "" : target > 0.5F ? "1" : "0"; }

/// What a file's columns are.
struct Heading {
    std::size_t labels = 0, truths = 0;
    bool patient = false;
    std::size_t fields = 0;
};

/// The columns, from the heading; the labels' and attributes' names go to `stored`.
Heading read_heading(const std::vector<std::string>& heading, const std::string& file, StoredPredictions& stored) {
    const auto refuse = [&](const std::string& what) {
        throw InputError(fmt::format(
            "[predictions] {}:1: {}, wanted 'Image Index', 'prob_LABEL', ..., and 'true_LABEL', ... or 'class'", file,
            what));
    };
    if (heading[0] != kNameColumn) refuse(fmt::format("'{}' came first", excerpt(heading[0])));
    std::size_t at = 1, end = heading.size();
    for (; at < heading.size() && heading[at].starts_with(kProbabilityPrefix); ++at)
        stored.labels.push_back(heading[at].substr(kProbabilityPrefix.size()));
    Heading columns{.labels = stored.labels.size(), .fields = heading.size()};
    if (columns.labels == 0) refuse("there is no label");
    for (; end > at && heading[end - 1].starts_with(kAttributePrefix); --end) {
    }
    for (std::size_t i = end; i < heading.size(); ++i)
        stored.predictions.attribute_names.push_back(heading[i].substr(kAttributePrefix.size()));
    columns.patient = end > at && heading[end - 1] == kPatientColumn;
    if (columns.patient) --end;
    columns.truths = end - at;
    if (columns.truths == 1 && heading[at] == kClassColumn) return columns;
    stored.multi_label = true;
    if (columns.truths != columns.labels)
        refuse(fmt::format("{} labels and {} columns after them came", columns.labels, columns.truths));
    for (std::size_t k = 0; k < columns.labels; ++k)
        if (heading[at + k] != std::string(kTruthPrefix) + stored.labels[k])
            refuse(fmt::format("'{}' came", excerpt(heading[at + k])));
    return columns;
}

float probability(const std::string& text, const std::string& where) {
    float value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !(value >= 0) || !(value <= 1))
        throw InputError(fmt::format("[predictions] {}: wanted a probability, got '{}'", where, excerpt(text)));
    return value;
}

float target(const std::string& text, const std::string& where) {
    if (text.empty()) return -1;
    if (text != "0" && text != "1")
        throw InputError(fmt::format("[predictions] {}: wanted 0 or 1, got '{}'", where, excerpt(text)));
    return text == "1" ? 1 : 0;
}

void add_row(StoredPredictions& stored, const Heading& columns, std::vector<std::string> fields,
             const std::string& where) {
    Predictions& p = stored.predictions;
    const std::size_t labels = columns.labels;
    if (fields.size() != columns.fields)
        throw InputError(
            fmt::format("[predictions] {}: wanted {} fields, got {}", where, columns.fields, fields.size()));
    p.names.push_back(std::move(fields[0]));
    for (std::size_t k = 0; k < labels; ++k) p.probabilities.push_back(probability(fields[1 + k], where));
    std::size_t at = 1 + labels + columns.truths;
    if (columns.patient) p.patients.push_back(std::move(fields[at++]));
    for (; at < fields.size(); ++at) p.attributes.push_back(std::move(fields[at]));
    if (stored.multi_label) {
        for (std::size_t k = 0; k < labels; ++k) p.targets.push_back(target(fields[1 + labels + k], where));
        return;
    }
    const std::string& of_sample = fields[1 + labels];
    const auto label = std::ranges::find(stored.labels, of_sample);
    if (label == stored.labels.end())
        throw InputError(fmt::format("[predictions] {}: there is no class '{}'", where, excerpt(of_sample)));
    p.labels.push_back(static_cast<std::int32_t>(label - stored.labels.begin()));
}

/// The patients' numbers, from 1 in the order in which they come; empty where nobody knows.
std::vector<std::string> numbered(const std::vector<std::string>& patients) {
    std::unordered_map<std::string, std::size_t> numbers;
    std::vector<std::string> texts;
    for (const std::string& patient : patients) {
        const std::size_t next = numbers.size() + 1;
        texts.push_back(patient.empty() ? "" : std::to_string(numbers.emplace(patient, next).first->second));
    }
    return texts;
}

}  // namespace

std::string predictions_csv(const ModelSpec& spec, const Predictions& p, Columns columns) {
    const bool truth = columns == Columns::probabilities_and_truth;
    const std::size_t labels = spec.label_names.size();
    std::string csv(kNameColumn);
    for (const std::string& label : spec.label_names)
        csv += fmt::format(",{}", field(std::string(kProbabilityPrefix) + label));
    if (truth && spec.multi_label)
        for (const std::string& label : spec.label_names)
            csv += fmt::format(",{}", field(std::string(kTruthPrefix) + label));
    else if (truth)
        csv += fmt::format(",{}", std::string(kClassColumn));
    const bool has_patients =
        std::ranges::any_of(p.patients, [](const std::string& patient) { return !patient.empty(); });
    const std::vector<std::string> patients = has_patients ? numbered(p.patients) : std::vector<std::string>();
    if (has_patients) csv += fmt::format(",{}", kPatientColumn);
    const std::size_t attributes = p.attributes.empty() ? 0 : p.attribute_names.size();
    for (std::size_t k = 0; k < attributes; ++k)
        csv += fmt::format(",{}", field(std::string(kAttributePrefix) + p.attribute_names[k]));
    csv += '\n';
    for (std::size_t i = 0; i < p.names.size(); ++i) {
        csv += field(p.names[i]);
        for (std::size_t k = 0; k < labels; ++k) csv += fmt::format(",{:.9g}", p.probabilities[i * labels + k]);
        if (truth && spec.multi_label)
            for (std::size_t k = 0; k < labels; ++k) csv += fmt::format(",{}", target_text(p.targets[i * labels + k]));
        else if (truth)
            csv += fmt::format(",{}", field(spec.label_names[static_cast<std::size_t>(p.labels[i])]));
        if (has_patients) csv += fmt::format(",{}", patients[i]);
        for (std::size_t k = 0; k < attributes; ++k) csv += fmt::format(",{}", field(p.attributes[i * attributes + k]));
        csv += '\n';
    }
    return csv;
}

bool holds_truth(const std::filesystem::path& path) {
    const std::vector<std::string> lines = read_lines(path.string());
    return !lines.empty() && std::ranges::any_of(split_fields(lines[0], ','), [](const std::string& title) {
        return title == kClassColumn || title.starts_with(kTruthPrefix);
    });
}

StoredPredictions read_predictions(const std::filesystem::path& path) {
    const std::string file = path.string();
    const std::vector<std::string> lines = read_lines(file);
    if (lines.empty()) throw InputError(fmt::format("[predictions] {} is empty", file));
    StoredPredictions stored;
    const Heading columns = read_heading(split_fields(lines[0], ','), file, stored);
    for (std::size_t i = 1; i < lines.size(); ++i)
        if (!lines[i].empty()) add_row(stored, columns, split_fields(lines[i], ','), fmt::format("{}:{}", file, i + 1));
    return stored;
}

}  // namespace keel
