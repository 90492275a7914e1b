#include "models/model_spec.h"

#include <algorithm>
#include <set>

#include "engine/json.h"
#include "engine/strict_json.h"
#include "engine/text.h"
#include "graph/build/graph_file.h"
#include "kernels/loss/prediction.h"

namespace keel {
namespace {

constexpr const char *kKey = "keel.model", *kOperatingKey = "keel.operating_points";

constexpr std::int64_t kMaxImageSize = 4096;
constexpr std::size_t kMostWidths = 1000;  // groups of channels; DenseNet201 has 200

bool within(std::int64_t value, std::int64_t low, std::int64_t high) { return value >= low && value <= high; }

/// Returns what a program can neither build nor feed in a spec; empty where all is well.
std::string fault(const ModelSpec& spec, bool is_graph) {
    const ModelOptions& o = spec.options;
    const auto fits = [&](const std::vector<float>& values) {
        return values.size() == 1 || values.size() == static_cast<std::size_t>(o.channels);
    };
    const bool known =
        std::ranges::any_of(model_registry(), [&](const ModelEntry& entry) { return spec.name == entry.name; });
    if (!known && !(is_graph && printable(spec.name))) return "there is no model '" + spec.name.substr(0, 40) + "'";
    if (!known && !o.widths.empty()) return "it says widths of a model that there is not";
    if (!within(o.classes, 1, 1'000'000) || spec.label_names.size() != static_cast<std::size_t>(o.classes))
        return std::to_string(o.classes) + " outputs but " + std::to_string(spec.label_names.size()) + " label names";
    if (!within(o.channels, 1, 1024) || !within(spec.image_size, 1, kMaxImageSize) || !fits(spec.mean) ||
        !fits(spec.std) || std::ranges::any_of(spec.std, [](float v) { return v <= 0; }))
        return "the input's size or normalization is out of range";
    if (o.dropout >= 1) return "dropout is out of range";
    if (!std::ranges::all_of(spec.label_names, [](const std::string& name) { return printable(name); }))
        return "a label name is empty or holds control characters";
    if (std::set(spec.label_names.begin(), spec.label_names.end()).size() != spec.label_names.size())
        return "two labels have one name";
    return "";
}

std::vector<float> finite_floats(const Json& json) {
    std::vector<float> values;
    for (const auto& value : json) values.push_back(finite_float(value));
    return values;
}

/// Of a file that does not say any there are none: the architecture's own.
std::map<std::string, std::int64_t> read_widths(const Json& json) {
    std::map<std::string, std::int64_t> widths;
    if (!json.contains("widths")) return widths;
    const Json& said = json.at("widths");
    if (!said.is_object() || said.size() > kMostWidths) throw InputError("'widths' are no object of channels");
    for (const auto& [name, width] : said.items()) widths.emplace(name, whole_number<std::int64_t>(width));
    return widths;
}

std::optional<OperatingPoints> read_operating_points(const std::map<std::string, std::string>& metadata,
                                                     std::size_t labels, const std::string& file) {
    const auto entry = metadata.find(kOperatingKey);
    if (entry == metadata.end()) return std::nullopt;
    try {
        return operating_points_of(entry->second, labels);
    } catch (const InputError& error) {
        throw InputError("[checkpoint] " + file + ": '" + kOperatingKey + "' is malformed: " + error.what());
    }
}

}  // namespace

void default_normalization(ModelSpec& spec) {
    const bool rgb = spec.options.channels == 3;
    if (spec.mean.empty()) spec.mean = rgb ? std::vector{0.485F, 0.456F, 0.406F} : std::vector{0.5F};
    if (spec.std.empty()) spec.std = rgb ? std::vector{0.229F, 0.224F, 0.225F} : std::vector{0.25F};
}

void write_spec(const ModelSpec& spec, std::map<std::string, std::string>& metadata) {
    Json json = sorted({{"name", spec.name},
                        {"classes", spec.options.classes},
                        {"channels", spec.options.channels},
                        {"small_stem", spec.options.small_stem},
                        {"dropout", spec.options.dropout},
                        {"image_size", spec.image_size},
                        {"mean", spec.mean},
                        {"std", spec.std},
                        {"multi_label", spec.multi_label},
                        {"label_names", spec.label_names},
                        {"reading", parse_json(reading_to_json(spec.reading))}});
    if (!spec.options.widths.empty()) json["widths"] = spec.options.widths;
    metadata[kKey] = json_text(json);
    metadata.erase(kOperatingKey);
    if (spec.operating) metadata[kOperatingKey] = to_metadata(*spec.operating);
}

ModelSpec read_spec(const std::map<std::string, std::string>& metadata, const std::string& file) {
    const auto entry = metadata.find(kKey);
    if (entry == metadata.end())
        throw InputError("[checkpoint] " + file + " does not say which model it holds (no '" + kKey +
                         "' in its metadata)");
    ModelSpec spec;
    try {
        const auto json = parse_json(entry->second);
        json.at("name").get_to(spec.name);
        spec.options.classes = whole_number<std::int64_t>(json.at("classes"));
        spec.options.channels = whole_number<std::int64_t>(json.at("channels"));
        json.at("small_stem").get_to(spec.options.small_stem);
        json.at("dropout").get_to(spec.options.dropout);
        spec.options.widths = read_widths(json);
        spec.image_size = whole_number<std::int64_t>(json.at("image_size"));
        spec.mean = finite_floats(json.at("mean"));
        spec.std = finite_floats(json.at("std"));
        json.at("multi_label").get_to(spec.multi_label);
        json.at("label_names").get_to(spec.label_names);
        spec.reading = json.contains("reading") ? reading_from_json(json_text(json.at("reading"))) : old_reading();
    } catch (const std::exception& error) {
        throw InputError("[checkpoint] " + file + ": '" + kKey + "' is malformed: " + error.what());
    }
    if (const std::string why = fault(spec, holds_graph(metadata)); !why.empty())
        throw InputError("[checkpoint] " + file + ": " + why);
    try {
        if (!spec.options.widths.empty()) check_widths(spec.name, spec.options);
    } catch (const UsageError& error) {
        throw InputError("[checkpoint] " + file + ": " + error.what());
    }
    spec.operating = read_operating_points(metadata, spec.label_names.size(), file);
    return spec;
}

Tensor probabilities(const ModelSpec& spec, const Tensor& logits) {
    Tensor result = logits.clone();
    make_probabilities(spec, result);
    return result;
}

void make_probabilities(const ModelSpec& spec, const Tensor& logits) {
    float* const values = logits.values<float>().data();
    if (spec.multi_label)
        kernels::sigmoid(logits.elements(), values, values);
    else
        kernels::softmax({logits.dim(0), logits.dim(1)}, values, values);
}

}  // namespace keel
