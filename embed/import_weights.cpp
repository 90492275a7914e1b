#include "embed/import_weights.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "embed/export_onnx.h"
#include "embed/foreign_weights.h"
#include "embed/predictor.h"
#include "embed/weights/stem.h"
#include "graph/build/graph_file.h"
#include "kernels/error.h"
#include "kernels/immortal.h"

namespace keel {
namespace {

/// Makes a guessed spec what the options say.
void take_options(ModelSpec& spec, const ImportOptions& o, std::vector<std::string>& notes) {
    if (o.classes > 0 && o.classes != spec.options.classes) {
        notes.push_back(
            fmt::format("a new classifier of random weights for {} classes replaces the weights' own for {}", o.classes,
                        spec.options.classes));
        spec.options.classes = o.classes;
    }
    const std::int64_t channels = spec.options.channels;
    if (o.channels > 0) spec.options.channels = o.channels;
    if (o.image_size > 0) spec.image_size = o.image_size;
    if (ModelSpec usual{.options = {.channels = channels}}; o.channels > 0 && o.channels != channels) {
        default_normalization(usual);
        if (spec.mean == usual.mean) {  // of so many channels, not what the weights say for any number
            spec.mean.clear();
            spec.std.clear();
            default_normalization(spec);
        }
    }
    if (o.pixels != "auto") {
        spec.mean = pixel_range(o.pixels).mean;
        spec.std = pixel_range(o.pixels).std;
        if (spec.mean.size() > 1 && spec.options.channels != std::ssize(spec.mean))
            throw UsageError(fmt::format("[import] the pixels of {} are of {} channels, the model's of {}", o.pixels,
                                         spec.mean.size(), spec.options.channels));
    }
    if (!o.mean.empty()) spec.mean = o.mean;
    if (!o.std.empty()) spec.std = o.std;
    spec.multi_label = spec.multi_label || o.multi_label;
    const auto count = static_cast<std::size_t>(spec.options.classes);
    if (!o.labels.empty() && o.labels.size() != count)
        throw UsageError(fmt::format("[import] {} labels for {} classes", o.labels.size(), count));
    if (!o.labels.empty()) spec.label_names = o.labels;
    if (spec.label_names.size() != count) spec.label_names.clear();  // those of the classifier that was replaced
    for (std::size_t i = spec.label_names.size(); i < count; ++i) spec.label_names.push_back(std::to_string(i));
    const bool by_number = spec.label_names.front() == "0" && spec.label_names.back() == std::to_string(count - 1);
    notes.push_back(fmt::format("{} classes{} that {}", count, by_number ? " called by their numbers," : "",
                                spec.multi_label ? "do not exclude one another (sigmoid)"
                                                 : "exclude one another (softmax; --multi-label: sigmoid)"));
}

/// Refuses what no reader of the checkpoint would take: means for other channels, a deviation of 0, two labels of one
/// name.
void require_readable(const ModelSpec& spec) {
    try {
        std::map<std::string, std::string> metadata;
        write_spec(spec, metadata);
        read_spec(metadata, "the model");
    } catch (const InputError& error) {
        throw UsageError(fmt::format("[import] {}", error.what()));
    }
}

/// A graph is as its file has it.
void require_graph_options(const ImportOptions& o, const ModelSpec& spec) {
    if (o.classes > 0 && o.classes != spec.options.classes)
        throw UsageError("[import] --classes: a graph that is none of Keel's models has no classifier to replace");
    if (o.channels > 0 && o.channels != spec.options.channels)
        throw UsageError(fmt::format("[import] --channels: the graph takes images of {} channels, not of {}",
                                     spec.options.channels, o.channels));
}

std::string pixels_text(const ModelSpec& spec) {
    return fmt::format("images of {} pixels; of a pixel from 0 to 1 {} is taken and the rest divided by {}",
                       spec.image_size, fmt::format("{}", fmt::join(spec.mean, ", ")),
                       fmt::format("{}", fmt::join(spec.std, ", ")));
}

}  // namespace

const PixelRange& pixel_range(const std::string& name) {
    static constinit Immortal<const std::vector<PixelRange>> ranges;
    const auto& all = ranges.get([] {
        return std::vector<PixelRange>{{"imagenet", {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}},
                                       {"xrv", {0.5F}, {1.0F / 2048}},
                                       {"minus-one-to-one", {0.5F}, {0.5F}},
                                       {"zero-to-one", {0.0F}, {1.0F}}};
    });
    const auto found = std::ranges::find(all, name, [](const PixelRange& range) { return std::string(range.name); });
    if (found == all.end())
        throw UsageError("[import] wanted pixels imagenet, xrv, minus-one-to-one or zero-to-one, not " + name);
    return *found;
}

Imported import_weights(const std::filesystem::path& path, const ImportOptions& o) {
    return import_weights(std::span(&path, 1), o);
}

Imported import_weights(std::span<const std::filesystem::path> files, const ImportOptions& o) {
    CheckpointState state = load_model_state(files, o.key, o.image_size);
    const std::filesystem::path& path = files.front();
    if (is_checkpoint(state))
        throw InputError(
            fmt::format("[import] {} is a checkpoint of Keel already: it says what its model takes and is "
                        "called, which an import would replace",
                        path.string()));
    Imported result{{read_spec(state.metadata, path.string()), nullptr}, {}, gives_probabilities(state), {}};
    ModelSpec& spec = result.model.spec;
    const std::string how = read_as(state);
    result.notes.push_back(fmt::format("{}{}, {} classes, images of {} channel{}", spec.name,
                                       how.empty() ? "" : " (" + how + ")", spec.options.classes, spec.options.channels,
                                       spec.options.channels == 1 ? "" : "s"));
    if (!o.model.empty() && o.model != spec.name)
        throw InputError(fmt::format("[import] {} holds weights of {}, wanted {}", path.string(), spec.name, o.model));
    const bool is_graph = holds_graph(state.metadata);
    if (is_graph) require_graph_options(o, spec);
    const bool new_classifier = o.classes > 0 && o.classes != spec.options.classes;
    take_options(spec, o, result.notes);
    if (!is_graph) require_readable(spec);
    if (is_graph) {
        result.graph = read_graph(state, path.string());
        result.notes.push_back(pixels_text(spec));
        return result;
    }
    result.model.module =
        new_classifier ? make_model(spec.name, spec.options, o.seed) : make_blank_model(spec.name, spec.options);
    const std::vector<NamedTensor> own = result.model.module->state();
    std::vector<NamedTensor> weights = model_weights(state.tensors);
    if (const std::string stem = fit_stem(own, weights); !stem.empty())
        result.notes.push_back(
            fmt::format("{} was made for images of {} channels: the sum over the old ones, spread over the new", stem,
                        spec.options.channels));
    LoadOptions load{.share = true};
    if (new_classifier) load.skippable = {find_model(spec.name).classifier};
    for (const std::string& skipped : load_into(own, weights, path.string(), load))
        result.notes.push_back("left out: " + skipped);
    result.notes.push_back(pixels_text(spec));
    result.model.module->train(false);
    return result;
}

void save_model(const std::filesystem::path& path, const LoadedModel& model) {
    CheckpointState state;
    write_spec(model.spec, state.metadata);
    state.tensors = model.module->state();
    save_checkpoint(path, state);
}

void save_model(const std::filesystem::path& path, const Imported& imported) {
    if (!imported.graph) return save_model(path, imported.model);
    std::map<std::string, std::string> metadata;
    write_spec(imported.model.spec, metadata);
    save_graph(path, *imported.graph, std::move(metadata));
}

void export_weights(const std::filesystem::path& path, const LoadedModel& model, StoredFloat floats) {
    TensorFile file{spec_metadata(model.spec), model.module->state(), floats};
    file.metadata["format"] = "pt";
    write_safetensors(path, file);
}

Verified verify(const Imported& imported, const std::filesystem::path& path) {
    const TensorFile file = read_safetensors(path);
    const auto find = [&](const char* name, DType type) {
        for (const NamedTensor& entry : file.tensors)
            if (entry.name == name) return entry.tensor.to(type).contiguous();
        throw InputError(fmt::format("[verify] {}: no tensor is named {}", path.string(), name));
    };
    const Tensor input = find("input", DType::f32), output = find("output", DType::f64);
    const ModelSpec& spec = imported.model.spec;
    const std::int64_t n = input.dim(0);
    if (input.rank() != 4 || input.dim(1) != spec.options.channels || input.dim(2) != input.dim(3) ||
        output.dims() != Dims{n, spec.options.classes})
        throw InputError(fmt::format("[verify] {}: input is {} and output {}, wanted {{n, {}, h, h}} and {{n, {}}}",
                                     path.string(), input.dims().text(), output.dims().text(), spec.options.channels,
                                     spec.options.classes));
    const std::int64_t c = input.dim(1), side = input.dim(2);
    const Tensor images = Tensor::empty({n, side, side, c});
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t channel = 0; channel < c; ++channel)
            for (std::int64_t pixel = 0; pixel < side * side; ++pixel)
                images.data<float>()[(i * side * side + pixel) * c + channel] =
                    input.data<float>()[(i * c + channel) * side * side + pixel];
    ModelSpec sized = spec;
    sized.image_size = side;
    const Predictor predictor =
        imported.graph ? Predictor(sized, *imported.graph, n) : Predictor(sized, *imported.model.module, n);
    const Tensor logits =
        (imported.gives_probabilities ? predictor.predict(images) : predictor.logits(images)).contiguous();
    Verified result{0, 0, n};
    for (std::int64_t i = 0; i < logits.elements(); ++i) {
        const double wanted = output.data<double>()[i], got = logits.data<float>()[i];
        const double difference = std::abs(got - wanted);
        result.largest_difference =
            std::isnan(difference) ? difference : std::max(result.largest_difference, difference);
        result.largest_output = std::max(result.largest_output, std::abs(wanted));
    }
    return result;
}

}  // namespace keel
