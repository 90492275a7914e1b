// keel quantize
#include <fmt/format.h>

#include <chrono>
#include <iostream>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "data/sources/joined_splits.h"
#include "embed/loaded_model.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "graph/build/graph_file.h"
#include "runs/quantize_text.h"
#include "runs/terminal/progress.h"
#include "train/quantized_model.h"

namespace keel::cli {
namespace {

struct QuantizeArguments {
    std::string checkpoint, out, method = "auto";
    std::vector<std::string> keep;
    int keep_worst = 0;
    double keep_below = QuantizeOptions{}.keep_below;
    bool no_bias_correction = false, force = false;
    std::int64_t images = 200;
    ReadingOptions reading{.split = "train", .batch_size = 10};
};

int run(const CLI::App& app, const QuantizeArguments& o, const Globals& globals) {
    const auto start = std::chrono::steady_clock::now();
    if (!o.force && is_taken(o.out))
        throw UsageError(fmt::format("[quantize] {} exists; --force overwrites it", o.out));
    const LoadedGraph model = load_graph(o.checkpoint);
    const ModelSpec& spec = model.spec;
    const auto dataset = open_data(app, o.reading, {o.checkpoint}, "quantize", telling_of(globals.quiet), false);
    LoaderOptions loader = loader_options(o.reading, spec, "quantize");
    loader.seed = globals.seed.value_or(0);
    Progress progress(std::cerr, "images", stderr_progress(globals.quiet));
    const std::vector<Tensor> batches = calibration_images(
        *dataset, loader, o.images, [&](std::int64_t done, std::int64_t total) { progress.update(done, total); });
    progress.finish();
    QuantizeOptions options;
    if (o.method != "auto") options.method = range_method_named(o.method);
    options.keep = o.keep;
    options.keep_worst = o.keep_worst;
    options.keep_below = o.keep_below;
    options.correct_bias = !o.no_bias_correction;
    const Quantized quantized = quantize(model.graph, batches, options, [&](const std::string& pass) {
        if (!globals.quiet) std::cerr << "keel quantize: " << pass << '\n';
    });
    for (const std::string& warning : quantized.report.warnings)
        std::cerr << "keel quantize: warning: " << warning << '\n';
    if (spec.operating)
        std::cerr << "keel quantize: thresholds are of the checkpoint, not of its int8 model: keel threshold measures "
                     "them on that\n";
    save_quantized(o.out, spec, quantized, o.checkpoint);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const QuantizedFile file{.path = o.out,
                             .bytes = static_cast<std::int64_t>(InputFile(o.out).size()),
                             .fp32_bytes = weight_bytes(model.graph),
                             .keep_below = o.keep_below,
                             .seconds = seconds};
    print_result(globals, quantize_json(quantized.report, file), quantize_text(quantized.report, file));
    return kSuccess;
}

}  // namespace

Run add_quantize(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<QuantizeArguments>();
    add_text(app, "--checkpoint", o->checkpoint, "FILE", "Checkpoint of keel train", Need::required);
    add_text(app, "--data", o->reading.data, "SPEC",
             "Images like those that the model will see, as in keel train; labels are not used", Need::required);
    add_text(app, "--out", o->out, "FILE",
             "The quantized model, which eval, predict and the library take like a checkpoint", Need::required);
    add_flag(app, "--force", o->force, "Overwrite an existing file");
    add_choice(app, "--split", o->reading.split, {"train", "val", "test", kAllSplits},
               "Split that the images are taken of");
    add_number(app, "--images", o->images, from_to(kLeastCalibrationImages, 100000),
               "Images to calibrate with; a quarter of them is held out to choose by");
    add_choice(app, "--method", o->method, {"auto", "minmax", "percentile", "mse", "kl"},
               "How ranges are made of the values seen; auto tries all on the images held out");
    add_list(app, "--keep", o->keep, "LAYER", {},
             "Leave this layer in fp32 (a name of keel models --model NAME); may be given again");
    add_number(app, "--keep-worst", o->keep_worst, from_to(0, 10000),
               "Leave so many of the layers that lose most in fp32");
    add_number(app, "--keep-below", o->keep_below, from_to(0.0, 100.0),
               "Leave the layers in fp32 whose own signal to noise in codes is less, in dB; 0: none");
    add_flag(app, "--no-bias-correction", o->no_bias_correction, "Do not give back what layers lose on average");
    add_reading(app, o->reading);
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
