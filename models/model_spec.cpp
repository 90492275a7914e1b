#include "models/model_spec.h"

#include <nlohmann/json.hpp>

#include "kernels/loss/loss.h"

namespace keel {
namespace {

constexpr const char* kKey = "keel.model";

void require_plausible(const ModelSpec& spec, const std::string& file) {
    const auto channels = static_cast<std::size_t>(spec.options.channels);
    const auto fits = [&](const std::vector<float>& values) { return values.size() == 1 || values.size() == channels; };
    if (spec.options.classes < 1 || spec.label_names.size() != static_cast<std::size_t>(spec.options.classes))
        throw InputError("[checkpoint] " + file + ": " + std::to_string(spec.options.classes) + " outputs but " +
                         std::to_string(spec.label_names.size()) + " label names");
    if (spec.image_size < 1 || spec.image_size > 16384 || spec.options.channels < 1 || !fits(spec.mean) || !fits(spec.std))
        throw InputError("[checkpoint] " + file + ": the input's size or normalisation is out of range");
}

}  // namespace

void write_spec(const ModelSpec& spec, std::map<std::string, std::string>& metadata) {
    metadata[kKey] = nlohmann::json{{"name", spec.name},
                                    {"classes", spec.options.classes},
                                    {"channels", spec.options.channels},
                                    {"small_stem", spec.options.small_stem},
                                    {"dropout", spec.options.dropout},
                                    {"image_size", spec.image_size},
                                    {"mean", spec.mean},
                                    {"std", spec.std},
                                    {"multi_label", spec.multi_label},
                                    {"label_names", spec.label_names}}
                         .dump();
}

ModelSpec read_spec(const std::map<std::string, std::string>& metadata, const std::string& file) {
    const auto entry = metadata.find(kKey);
    if (entry == metadata.end())
        throw InputError("[checkpoint] " + file + " does not say which model it holds (no '" + kKey + "' in its metadata)");
    ModelSpec spec;
    try {
        const auto json = nlohmann::json::parse(entry->second);
        json.at("name").get_to(spec.name);
        json.at("classes").get_to(spec.options.classes);
        json.at("channels").get_to(spec.options.channels);
        json.at("small_stem").get_to(spec.options.small_stem);
        json.at("dropout").get_to(spec.options.dropout);
        json.at("image_size").get_to(spec.image_size);
        json.at("mean").get_to(spec.mean);
        json.at("std").get_to(spec.std);
        json.at("multi_label").get_to(spec.multi_label);
        json.at("label_names").get_to(spec.label_names);
    } catch (const nlohmann::json::exception& error) {
        throw InputError("[checkpoint] " + file + ": '" + kKey + "' is malformed: " + error.what());
    }
    require_plausible(spec, file);
    return spec;
}

Tensor probabilities(const ModelSpec& spec, const Tensor& any_logits) {
    const Tensor logits = any_logits.contiguous();
    Tensor result = logits.empty_like();
    if (spec.multi_label)
        kernels::sigmoid(logits.elements(), logits.data<float>(), result.data<float>());
    else
        kernels::softmax({logits.dim(0), logits.dim(1)}, logits.data<float>(), result.data<float>());
    return result;
}

}  // namespace keel
