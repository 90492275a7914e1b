#include "runs/predictions_file.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "data/formats/csv.h"
#include "engine/text.h"

namespace keel {
namespace {

constexpr std::string_view kName = "Image Index", kProbability = "prob_", kTruth = "true_", kClass = "class";

/// A field for a reader that goes by lines.
std::string field(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return csv_field(text);
}

std::string target_text(float target) { return target < 0 ? "" : target > 0.5F ? "1" : "0"; }

/// The labels, from the heading.
StoredPredictions read_heading(const std::vector<std::string>& heading, const std::string& file) {
    const auto refuse = [&](const std::string& what) {
        throw InputError(fmt::format(
            "[predictions] {}:1: {}, wanted 'Image Index', 'prob_LABEL', ..., and 'true_LABEL', ... or 'class'", file,
            what));
    };
    StoredPredictions stored;
    if (heading[0] != kName) refuse(fmt::format("'{}' came first", excerpt(heading[0])));
    std::size_t at = 1;
    for (; at < heading.size() && heading[at].starts_with(kProbability); ++at)
        stored.labels.push_back(heading[at].substr(kProbability.size()));
    const std::size_t labels = stored.labels.size();
    if (labels == 0) refuse("there is no label");
    if (heading.size() == at + 1 && heading[at] == kClass) return stored;
    stored.multi_label = true;
    if (heading.size() != at + labels)
        refuse(fmt::format("{} labels and {} columns after them came", labels, heading.size() - at));
    for (std::size_t k = 0; k < labels; ++k)
        if (heading[at + k] != std::string(kTruth) + stored.labels[k])
            refuse(fmt::format("'{}' came", excerpt(heading[at + k])));
    return stored;
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

void add_row(StoredPredictions& stored, std::vector<std::string> fields, const std::string& where) {
    Predictions& p = stored.predictions;
    const std::size_t labels = stored.labels.size(), wanted = 1 + labels + (stored.multi_label ? labels : 1);
    if (fields.size() != wanted)
        throw InputError(fmt::format("[predictions] {}: wanted {} fields, got {}", where, wanted, fields.size()));
    p.names.push_back(std::move(fields[0]));
    for (std::size_t k = 0; k < labels; ++k) p.probabilities.push_back(probability(fields[1 + k], where));
    if (stored.multi_label) {
        for (std::size_t k = 0; k < labels; ++k) p.targets.push_back(target(fields[1 + labels + k], where));
        return;
    }
    const auto label = std::ranges::find(stored.labels, fields.back());
    if (label == stored.labels.end())
        throw InputError(fmt::format("[predictions] {}: there is no class '{}'", where, excerpt(fields.back())));
    p.labels.push_back(static_cast<std::int32_t>(label - stored.labels.begin()));
}

}  // namespace

std::string predictions_csv(const ModelSpec& spec, const Predictions& p, Columns columns) {
    const bool truth = columns == Columns::probabilities_and_truth;
    const std::size_t labels = spec.label_names.size();
    std::string csv(kName);
    for (const std::string& label : spec.label_names)
        csv += fmt::format(",{}", field(std::string(kProbability) + label));
    if (truth && spec.multi_label)
        for (const std::string& label : spec.label_names) csv += fmt::format(",{}", field(std::string(kTruth) + label));
    else if (truth)
        csv += fmt::format(",{}", std::string(kClass));
    csv += '\n';
    for (std::size_t i = 0; i < p.names.size(); ++i) {
        csv += field(p.names[i]);
        for (std::size_t k = 0; k < labels; ++k) csv += fmt::format(",{:.9g}", p.probabilities[i * labels + k]);
        if (truth && spec.multi_label)
            for (std::size_t k = 0; k < labels; ++k) csv += fmt::format(",{}", target_text(p.targets[i * labels + k]));
        else if (truth)
            csv += fmt::format(",{}", field(spec.label_names[static_cast<std::size_t>(p.labels[i])]));
        csv += '\n';
    }
    return csv;
}

StoredPredictions::Column StoredPredictions::column(std::size_t label) const {
    Column column;
    for (std::size_t i = 0; i < predictions.names.size(); ++i) {
        column.scores.push_back(double{predictions.probabilities[i * labels.size() + label]});
        column.targets.push_back(multi_label ? predictions.targets[i * labels.size() + label]
                                 : predictions.labels[i] == static_cast<std::int32_t>(label) ? 1.0F
                                                                                             : 0.0F);
    }
    return column;
}

StoredPredictions read_predictions(const std::filesystem::path& path) {
    const std::string file = path.string();
    const std::vector<std::string> lines = read_lines(file);
    if (lines.empty()) throw InputError(fmt::format("[predictions] {} is empty", file));
    StoredPredictions stored = read_heading(split_fields(lines[0], ','), file);
    for (std::size_t i = 1; i < lines.size(); ++i)
        if (!lines[i].empty()) add_row(stored, split_fields(lines[i], ','), fmt::format("{}:{}", file, i + 1));
    return stored;
}

}  // namespace keel
