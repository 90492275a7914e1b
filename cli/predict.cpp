// keel predict
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/formats/image_format.h"
#include "data/sources/image_files.h"
#include "embed/foreign_weights.h"
#include "runs/file_scores.h"
#include "serve/dicom/answer_files.h"

namespace keel::cli {
namespace {

struct PredictArguments {
    ImageScorerOptions models;
    ViewFlags views;
    std::string precision = "f32";
    std::vector<std::string> paths;
    std::int64_t batch_size = 8;
    HeatmapOptions heatmaps;
    std::string dicom_out, dicom_codes;
    dicom_node::AnswerOptions dicom;
};

void warn(const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings) std::cerr << "keel predict: " << warning << '\n';
}

/// Heatmaps show what one model saw of whole images.
void check(const PredictArguments& o) {
    if (o.dicom_out.empty() && (!o.dicom_codes.empty() || o.dicom.capture || o.dicom.presentation))
        throw UsageError("[predict] --dicom-capture, --dicom-marks and --dicom-codes want --dicom-out DIR");
    if (o.heatmaps.directory.empty()) {
        if (!(o.heatmaps.boxes + o.heatmaps.layer).empty())
            throw UsageError("[predict] --boxes and --heatmap-layer want --heatmaps DIR");
    } else if (o.models.checkpoints.size() > 1 || o.views.options() != ViewOptions{}) {
        throw UsageError("[predict] --heatmaps explains one checkpoint, without --resize, --crop and --tta");
    }
}

int run(const CLI::App& app, PredictArguments o, const Globals& globals) {
    check(o);
    std::vector<Remark> remarks;
    const std::vector<std::string> files = image_files(o.paths, remarks);
    tell(remarks, "predict", telling_of(globals.quiet));
    o.models.views = o.views.options();
    o.models.precision = precision_of(o.precision);
    o.models.batch = std::min(o.batch_size, std::ssize(files));
    ImageScorer scorer(o.models);
    const ModelSpec& spec = scorer.spec();
    const ImageReading reading = read_image_reading(app, spec.reading);
    warn_of_reading("predict", reading, spec.reading);
    if (reading != spec.reading) scorer.read_files_as(reading);
    if (spec.guessed) std::cerr << "keel predict: warning: " << guessed_text(spec) << '\n';
    warn(scorer.warnings());
    const auto& labels = spec.label_names;
    std::optional<Heatmaps> heatmaps;
    if (!o.heatmaps.directory.empty()) {
        HeatmapOptions options = o.heatmaps;
        options.reading = reading;
        heatmaps.emplace(std::move(options), o.models.checkpoints.front());
    }
    std::optional<dicom_node::AnswerFiles> dicom;
    if (!o.dicom_codes.empty()) o.dicom.codes.read(o.dicom_codes);
    if (!o.dicom_out.empty()) dicom.emplace(o.dicom_out, o.dicom, scorer, o.models.checkpoints, o.models.calibrated);
    const auto on_scored = [&](ScoredImage& image, const ImageScorer::Inputs& inputs) {
        if (dicom) image.dicom = dicom->write(image.path, inputs, image.scores, image.calls);
    };
    const auto [predictions, odd] = score_files(scorer, files,
                                                {.batch_size = o.batch_size,
                                                 .heatmaps = heatmaps ? &*heatmaps : nullptr,
                                                 .on_skip =
                                                     [](const std::string& file, const std::string& why) {
                                                         std::cerr << "keel predict: skipped " << file << ": " << why
                                                                   << '\n';
                                                     },
                                                 .on_scored = on_scored});
    tell(odd, "predict", Telling::warnings);
    if (heatmaps) warn(heatmaps->warnings());
    if (dicom) warn(dicom->failures());
    if (predictions.empty()) throw InputError("[predict] none of the images could be read or scored");
    Json result = predictions_json(predictions, scorer);
    if (o.models.calibrated) result["calibrated"] = true;
    if (heatmaps && !o.heatmaps.boxes.empty()) result["localisation"] = heatmaps->localization();
    print_result(globals, result,
                 predictions_table(predictions, labels) + (heatmaps ? heatmaps->localization_text() : ""));
    if (dicom && !dicom->failures().empty()) return kBadInput;
    if (predictions.size() == files.size()) return kSuccess;
    std::cerr << fmt::format("keel predict: {} of {} files could not be read or scored\n",
                             files.size() - predictions.size(), files.size());
    return kBadInput;
}

void add_heatmap_options(CLI::App& app, HeatmapOptions& o) {
    add_text(app, "--heatmaps", o.directory, "DIR",
             "Write into this folder, for each image, where in it a label is seen");
    add_list(app, "--heatmap-label", o.labels, "LABEL", {.one_each = true},
             "Label to explain, may be given several times; all: every label "
             "[default: the image's highest-scoring one]");
    add_text(app, "--heatmap-layer", o.layer, "LAYER",
             "Grad-CAM on this layer's map, as keel models NAME lists them [default: class activation maps of "
             "DenseNet and "
             "ResNet, Grad-CAM on VGG's last map]");
    add_choice(app, "--heatmap-colours", o.colors, {"inferno", "viridis"}, "Color map");
    add_text(app, "--boxes", o.boxes, "FILE.csv",
             "Boxes in the form of NIH's BBox_List_2017.csv: how many peaks lie in theirs");
    add_number(app, "--boxes-side", o.boxes_side, from_to(0, 16384),
               "Side of the square images that the boxes are in pixels of, 1024 for NIH's; 0: they are in each image's "
               "own pixels");
}

void add_dicom_options(CLI::App& app, PredictArguments& o) {
    add_text(app, "--dicom-out", o.dicom_out, "DIR",
             "Write into this folder, for each image, a structured report, as keel serve --dicom answers with; images "
             "are to be DICOM files");
    add_flag(app, "--dicom-capture", o.dicom.capture, "The heatmap as a secondary capture as well");
    add_flag(app, "--dicom-marks", o.dicom.presentation, "A presentation state as well: where the label is seen");
    add_text(app, "--dicom-codes", o.dicom_codes, "FILE.csv", "Codes of labels: label, value, scheme, meaning");
}

}  // namespace

Run add_predict(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<PredictArguments>();
    add_checkpoints(app, o->models.checkpoints);
    add_choice(app, "--operating-point", o->models.rule, {"youden", "f1", "sensitivity"},
               "What yes and no follow, of what keel threshold measured [default: what was chosen there]");
    add_flag(app, "--calibrated", o->models.calibrated, "Calibrated probabilities (keel threshold --calibrate)");
    add_view_options(app, o->views);
    add_precision(app, o->precision);
    add_number(app, "--batch-size", o->batch_size, from_to(1, 4096), "Images a batch");
    add_heatmap_options(app, o->heatmaps);
    add_dicom_options(app, *o);
    add_image_reading_options(app);
    add_list(app, "paths", o->paths, "PATH", {.least = 1},
             "Images (" + image_format_names(", ", ", ") + "), folders of them and of folders, or DICOMDIR files");
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
