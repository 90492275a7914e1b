#include "runs/models_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "embed/foreign_weights.h"
#include "embed/loaded_model.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "graph/build/graph_file.h"
#include "graph/summary.h"
#include "models/summary.h"

namespace keel {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string thousands(std::int64_t value) {
    std::string digits = std::to_string(value);
    for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
        digits.insert(static_cast<std::size_t>(i), ",");
    return digits;
}

std::string megabytes(std::int64_t bytes) { return fmt::format("{:.1f}", static_cast<double>(bytes) / 1e6); }

Json totals(const std::string& name, const ModelSummary& s) {
    return {{"name", name}, {"parameters", s.parameters}, {"macs", s.macs}, {"activation_bytes", s.activation_bytes}};
}

ModelText text_of(const std::string& name, const ModelSummary& s, std::int64_t image_size) {
    Json object = totals(name, s);
    object["image_size"] = image_size;
    object["layers"] = Json::array();
    Rows rows{{"layer", "kind", "output", "parameters", "MACs", "activations MB"}};
    for (const LayerSummary& layer : s.layers) {
        object["layers"].push_back({{"name", layer.name},
                                    {"kind", layer.kind},
                                    {"parameters", layer.parameters},
                                    {"macs", layer.macs},
                                    {"activation_bytes", layer.activation_bytes}});
        rows.push_back({layer.name, layer.kind, layer.dst.text(), thousands(layer.parameters), thousands(layer.macs),
                        megabytes(layer.activation_bytes)});
    }
    rows.push_back({"all", "", "", thousands(s.parameters), thousands(s.macs), megabytes(s.activation_bytes)});
    return {std::move(object), format_table(rows)};
}

/// The operators of a graph as layers.
ModelSummary summary_of(const graph::Graph& graph) {
    ModelSummary summary;
    for (const graph::NodeSummary& node : graph::summarize(graph)) {
        summary.layers.push_back({excerpt(node.name), node.kind, Dims{1, node.dst.h, node.dst.w, node.dst.c},
                                  node.parameters, node.macs, node.dst.bytes()});
        summary.parameters += node.parameters;
        summary.macs += node.macs;
        summary.activation_bytes += node.dst.bytes();
    }
    return summary;
}

/// What a file's model is, in a line.
std::string head_of(const ModelSpec& spec, const std::string& read_as, bool is_graph) {
    std::string labels;
    for (const std::string& label : spec.label_names)
        if (labels.size() < 100) labels += (labels.empty() ? "" : ", ") + label;
    return fmt::format("{}{}{}, images of {} pixels in {} channel{}, {} outputs that {}: {}\n", spec.name,
                       is_graph ? ", a graph" : "", read_as.empty() ? "" : " (" + read_as + ")", spec.image_size,
                       spec.options.channels, spec.options.channels == 1 ? "" : "s", spec.options.classes,
                       spec.multi_label ? "do not exclude one another" : "exclude one another", labels);
}

ModelText text_of_file(const std::filesystem::path& file) {
    CheckpointState state = load_model_state(file);
    const ModelSpec spec = read_spec(state.metadata, file.string());
    const bool is_graph = holds_graph(state.metadata);
    const std::string head = head_of(spec, read_as(state), is_graph);
    const ModelSummary summary = [&] {
        if (is_graph) return summary_of(load_graph(std::move(state), file).graph);
        const LoadedModel model = load_model(std::move(state), file);
        return summarize(*model.module, spec.options.channels, spec.image_size);
    }();
    ModelText text = text_of(spec.name, summary, spec.image_size);
    text.json["file"] = file.string();
    text.json["channels"] = spec.options.channels;
    text.json["labels"] = spec.label_names;
    text.json["multi_label"] = spec.multi_label;
    text.table = head + text.table;
    return text;
}

}  // namespace

ModelText models_text(const ModelOptions& options, std::int64_t image_size) {
    Json models = Json::array();
    Rows rows{{"model", "parameters", "MACs an image", "activations MB"}};
    for (const ModelEntry& entry : model_registry()) {
        const ModelSummary s = summarize(*make_model(entry.name, options), options.channels, image_size);
        models.push_back(totals(entry.name, s));
        rows.push_back({entry.name, thousands(s.parameters), thousands(s.macs), megabytes(s.activation_bytes)});
    }
    return {{{"image_size", image_size}, {"models", std::move(models)}}, format_table(rows)};
}

ModelText layers_text(const std::string& model_or_file, const ModelOptions& options, std::int64_t image_size) {
    const bool known =
        std::ranges::any_of(model_registry(), [&](const ModelEntry& entry) { return model_or_file == entry.name; });
    if (!known && is_there(model_or_file)) return text_of_file(model_or_file);
    const auto model = make_model(model_or_file, options);
    return text_of(model_or_file, summarize(*model, options.channels, image_size), image_size);
}

}  // namespace keel
