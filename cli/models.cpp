// keel models
#include <fmt/format.h>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "models/registry.h"
#include "models/summary.h"

namespace keel::cli {
namespace {

struct Options {
    std::string name;
    std::int64_t image_size = 224;
    ModelOptions model;
};

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

ModelSummary summary_of(const std::string& name, const Options& o) {
    const auto model = make_model(name, o.model);
    return summarize(*model, o.model.channels, o.image_size);
}

int list_all(const Options& o, const Globals& globals) {
    Json models = Json::array();
    std::vector<std::vector<std::string>> rows{{"model", "parameters", "MACs an image", "activations MB"}};
    for (const ModelEntry& entry : model_registry()) {
        const ModelSummary s = summary_of(entry.name, o);
        models.push_back(totals(entry.name, s));
        rows.push_back({entry.name, thousands(s.parameters), thousands(s.macs), megabytes(s.activation_bytes)});
    }
    print_result(globals, {{"image_size", o.image_size}, {"models", std::move(models)}}, format_table(rows));
    return kSuccess;
}

int show_one(const Options& o, const Globals& globals) {
    const ModelSummary s = summary_of(o.name, o);
    Json object = totals(o.name, s);
    object["image_size"] = o.image_size;
    object["layers"] = Json::array();
    std::vector<std::vector<std::string>> rows{{"layer", "kind", "output", "parameters", "MACs", "activations MB"}};
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
    print_result(globals, object, format_table(rows));
    return kSuccess;
}

}  // namespace

Run add_models(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    add_text(app, "name", o->name, "NAME", "Show this model's layers; without it, a line for each model");
    add_number(app, "--image-size", o->image_size, from_to(28, 4096), "Side of the images, pixels");
    add_number(app, "--channels", o->model.channels, from_to(1, 1024), "Channels of the images");
    add_number(app, "--classes", o->model.classes, from_to(1, 1'000'000), "Outputs of the classifier");
    add_flag(app, "--small-stem", o->model.small_stem, "First convolution 3x3 with stride 1, no max-pool");
    return [o, &globals] { return o->name.empty() ? list_all(*o, globals) : show_one(*o, globals); };
}

}  // namespace keel::cli
