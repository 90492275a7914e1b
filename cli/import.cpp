// keel import, keel export: weights of other programs, and for them.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "embed/export_model.h"
#include "embed/import_weights.h"
#include "engine/paths.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

struct ImportArguments {
    std::string out, verify;
    ImportOptions import;
    std::vector<std::string> files, mean, std;
    bool force = false;
};

std::vector<float> numbers(const std::vector<std::string>& words, const char* flag) {
    std::vector<float> values;
    for (const std::string& word : words) {
        if (!number(at_least(-1e9), false)(word).empty())
            throw UsageError(fmt::format("[import] {}: '{}' is no number", flag, word));
        values.push_back(std::stof(word));
    }
    return values;
}

int run(ImportArguments o, const Globals& globals) {
    if (!o.force && is_taken(o.out)) throw UsageError(fmt::format("[import] {} exists; --force overwrites it", o.out));
    o.import.mean = numbers(o.mean, "--mean");
    o.import.std = numbers(o.std, "--std");
    o.import.seed = globals.seed.value_or(0);
    const std::vector<std::filesystem::path> files(o.files.begin(), o.files.end());
    const Imported imported = import_weights(files, o.import);
    const ModelSpec& spec = imported.model.spec;
    Json json{{"model", spec.name},
              {"classes", spec.options.classes},
              {"channels", spec.options.channels},
              {"image_size", spec.image_size},
              {"notes", imported.notes},
              {"out", o.out}};
    std::string text;
    for (const std::string& note : imported.notes) text += note + "\n";
    if (!o.verify.empty()) {
        const Verified found = verify(imported, o.verify);
        json["verify"] = {{"largest_difference", found.largest_difference}, {"largest_output", found.largest_output}};
        text += fmt::format("largest difference of the outputs of {} images {:.3g}, {:.3g} of the largest output\n",
                            found.images, found.largest_difference, found.largest_difference / found.largest_output);
    }
    save_model(o.out, imported);
    print_result(globals, json, text + o.out + "\n");
    return kSuccess;
}

struct ExportOptions {
    std::string checkpoint, out;
    ExportChoices choices;
    bool force = false;
};

int run(const ExportOptions& o, const Globals& globals) {
    if (!o.force && is_taken(o.out)) throw UsageError(fmt::format("[export] {} exists; --force overwrites it", o.out));
    const ModelSpec spec = export_model(o.checkpoint, o.out, o.choices);
    const std::string type = o.out.ends_with(".onnx") ? "onnx" : o.choices.type;
    print_result(globals, {{"model", spec.name}, {"type", type}, {"out", o.out}},
                 fmt::format("{} as {}: {}\n", spec.name, type, o.out));
    return kSuccess;
}

}  // namespace

Run add_export(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<ExportOptions>();
    add_text(app, "--checkpoint", o->checkpoint, "FILE", "Checkpoint, or weights that keel import reads",
             Need::required);
    add_text(app, "--out", o->out, "FILE", "File to write: .safetensors, with torchvision's names, or .onnx",
             Need::required);
    add_choice(app, "--type", o->choices.type, {"f32", "f16", "bf16"}, "Of .safetensors: what numbers are written as");
    add_number(app, "--opset", o->choices.onnx.opset, from_to(13, 21), "Of .onnx: version of ONNX's operators");
    add_choice(app, "--outputs", o->choices.onnx.outputs, {"logits", "probabilities"},
               "Of .onnx: what the model gives");
    add_choice(app, "--preprocessing", o->choices.onnx.preprocessing, {"none", "f32", "u8"},
               "Of .onnx: the model takes pixels, f32 from 0 to 1 or u8, and normalizes them itself");
    add_flag(app, "--force", o->force, "Overwrite an existing file");
    return [o, &globals] { return run(*o, globals); };
}

Run add_import(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<ImportArguments>();
    add_list(app, "file", o->files, "FILE", {.least = 1},
             "An ONNX model, or weights: safetensors, what torch.save wrote (.pth, .pt, .bin, .ckpt), the index of "
             "several files (.index.json), or these files one after the other");
    add_text(app, "--out", o->out, "FILE.safetensors", "Checkpoint to write", Need::required);
    add_flag(app, "--force", o->force, "Overwrite an existing file");
    add_text(app, "--key", o->import.key, "KEY",
             "What holds the weights: a key of torch.save's file, or what names of tensors begin with "
             "[default: state_dict, model, ...: the first there is]");
    add_text(app, "--model", o->import.model, "NAME", "Refuse weights of any other model");
    add_number(app, "--classes", o->import.classes, from_to(0, 1'000'000),
               "Put a classifier of random weights for so many classes in the place of the weights' own; 0: keep it");
    add_number(app, "--channels", o->import.channels, from_to(0, 1024),
               "Channels of the images: the first convolution is summed over the old ones; 0: as the weights'");
    add_number(app, "--image-size", o->import.image_size, from_to(0, 4096),
               "Side of the images, pixels; 0: 224, or 32 before a small stem");
    add_choice(
        app, "--pixels", o->import.pixels, {"auto", "imagenet", "xrv", "minus-one-to-one", "zero-to-one"},
        "What the model took pixels for; auto: ImageNet's statistics for 3 channels, else -2 to 2, and xrv where "
        "torchxrayvision's op_threshs are in the file");
    add_list(app, "--mean", o->mean, "X", {.commas = true},
             "Means of the channels, for pixels from 0 to 1, separated by commas");
    add_list(app, "--std", o->std, "X", {.commas = true}, "Deviations of the channels, separated by commas");
    add_list(app, "--labels", o->import.labels, "LABEL", {.commas = true},
             "What the outputs are called, separated by commas [default: their numbers]");
    add_flag(app, "--multi-label", o->import.multi_label, "Outputs do not exclude one another: sigmoid, not softmax");
    add_text(app, "--verify", o->verify, "FILE.safetensors",
             "Run the model on the tensor input {n, c, h, w}, which is normalized, and compare with the tensor output");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
