#include "engine/checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/ema.h"
#include "engine/optimizer.h"

namespace keel {
namespace {

constexpr const char* kFormatKey = "keel.format";
constexpr int kFormat = 1;
constexpr std::string_view kModelPrefix = "model.", kExtraPrefix = "extra.";

using Metadata = std::map<std::string, std::string>;

template <class T>
std::string number_text(T value) {
    std::array<char, 32> text;  // 24 characters hold any double, shortest form that reads back the same
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

const std::string& text_at(const Metadata& metadata, const std::string& key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) throw InputError("[checkpoint] the metadata lacks " + key);
    return found->second;
}

template <class T>
T number_at(const Metadata& metadata, const std::string& key) {
    const std::string& text = text_at(metadata, key);
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw InputError("[checkpoint] wanted a number for " + key + ", got \"" + text.substr(0, 40) + "\"");
    return value;
}

std::int64_t count_at(const Metadata& metadata, const std::string& key) {
    const auto value = number_at<std::int64_t>(metadata, key);
    if (value < 0) throw InputError("[checkpoint] wanted 0 or more for " + key + ", got " + std::to_string(value));
    return value;
}

std::vector<std::string> labels_at(const Metadata& metadata) {
    try {
        const auto json = nlohmann::json::parse(text_at(metadata, "labels"));
        if (json.is_array()) return json.get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception&) {
    }
    throw InputError("[checkpoint] wanted a JSON array of names for labels");
}

std::string labels_text(const std::vector<std::string>& labels) {
    try {
        return nlohmann::json(labels).dump();
    } catch (const nlohmann::json::type_error&) {
        throw UsageError("[checkpoint] a label's name is not UTF-8");
    }
}

Metadata below(const Metadata& metadata, std::string_view prefix) {
    Metadata found;
    for (const auto& [key, value] : metadata)
        if (key.starts_with(prefix)) found.emplace(key.substr(prefix.size()), value);
    return found;
}

/// Names for a message: ten, then how many more there are.
std::string listed(const char* what, const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 10;
    std::string text = std::string("; ") + what + " ";
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
    return names.empty() ? "" : text;
}

bool belongs_to_model(const std::string& name) {
    return !is_optimizer_state(name) && !is_ema_state(name) && !name.ends_with("num_batches_tracked");
}

bool convertible(const Tensor& from, const Tensor& to) {
    const auto floating = [](DType type) { return type == DType::f32 || type == DType::f64; };
    return from.dims() == to.dims() && (from.dtype() == to.dtype() || (floating(from.dtype()) && floating(to.dtype())));
}

}  // namespace

std::map<std::string, std::string> to_metadata(const RunState& run) {
    Metadata metadata{{"model", run.model},
                      {"labels", labels_text(run.labels)},
                      {"epoch", number_text(run.epoch)},
                      {"step", number_text(run.step)},
                      {"sample_offset", number_text(run.sample_offset)},
                      {"seed", number_text(run.seed)},
                      {"plateau", to_json(run.plateau)},
                      {"config", run.config}};
    if (run.best_metric) metadata["best_metric"] = number_text(*run.best_metric);
    for (const auto& [key, value] : run.model_options) metadata[std::string(kModelPrefix) + key] = value;
    for (const auto& [key, value] : run.extra) metadata[std::string(kExtraPrefix) + key] = value;
    return metadata;
}

RunState run_state(const std::map<std::string, std::string>& metadata) {
    RunState run;
    run.model = text_at(metadata, "model");
    run.model_options = below(metadata, kModelPrefix);
    run.labels = labels_at(metadata);
    run.epoch = count_at(metadata, "epoch");
    run.step = count_at(metadata, "step");
    run.sample_offset = count_at(metadata, "sample_offset");
    run.seed = number_at<std::uint64_t>(metadata, "seed");
    if (metadata.contains("best_metric")) run.best_metric = number_at<double>(metadata, "best_metric");
    run.plateau = plateau_from_json(text_at(metadata, "plateau"));
    run.config = text_at(metadata, "config");
    run.extra = below(metadata, kExtraPrefix);
    return run;
}

void save_checkpoint(const std::filesystem::path& path, const CheckpointState& state) {
    CheckpointState file = state;
    file.metadata[kFormatKey] = std::to_string(kFormat);
    write_safetensors(path, file);
}

CheckpointState load_checkpoint(const std::filesystem::path& path) {
    CheckpointState state = read_safetensors(path);
    if (!state.metadata.contains(kFormatKey) || !state.metadata.contains(kDataHashKey))
        throw InputError("[checkpoint] " + path.string() + " is a safetensors file, but no checkpoint of Keel");
    if (text_at(state.metadata, kFormatKey) != std::to_string(kFormat))
        throw InputError("[checkpoint] " + path.string() + " has format " + text_at(state.metadata, kFormatKey).substr(0, 40) +
                         ", this program reads " + std::to_string(kFormat));
    return state;
}

std::vector<std::string> load_into(const std::vector<NamedTensor>& state, const std::vector<NamedTensor>& tensors,
                                   const std::string& source, const LoadOptions& options) {
    const auto skippable = [&](const std::string& name) {
        return std::ranges::any_of(options.skippable, [&](const std::string& prefix) { return name.starts_with(prefix); });
    };
    std::map<std::string, Tensor> given;
    for (const auto& [name, tensor] : tensors)
        if (belongs_to_model(name)) given.emplace(name, tensor);

    std::vector<std::string> skipped, missing, misfits, left_over;
    std::vector<std::pair<Tensor, Tensor>> copies;  // from, to
    for (const auto& [name, wanted] : state) {
        const auto node = given.extract(name);
        if (!node.empty() && convertible(node.mapped(), wanted))
            copies.emplace_back(node.mapped(), wanted);
        else if (skippable(name))
            skipped.push_back(name);
        else if (node.empty())
            missing.push_back(name);
        else
            misfits.push_back(name + " " + std::string(keel::name(node.mapped().dtype())) + node.mapped().dims().text() +
                              " (wanted " + std::string(keel::name(wanted.dtype())) + wanted.dims().text() + ")");
    }
    for (const auto& [name, tensor] : given) (skippable(name) ? skipped : left_over).push_back(name);

    if (!missing.empty() || !misfits.empty() || !left_over.empty())
        throw InputError("[checkpoint] " + source + " does not fit the model" + listed("missing:", missing) +
                         listed("of other type or dims:", misfits) + listed("left over:", left_over));
    for (const auto& [from, to] : copies) to.assign(from.to(to.dtype()));
    return skipped;
}

}  // namespace keel
