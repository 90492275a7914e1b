// keel data bench: what the input pipeline costs, without a network after it, from one storage or from several in turn.

#include <fmt/format.h>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/inspect/input_rate_text.h"
#include "data/sources/joined_splits.h"
#include "data/sources/recognize.h"
#include "data/sources/table.h"

namespace keel::cli {
namespace {

struct DataBenchArguments {
    std::vector<std::string> specs;
    std::string split = "train";
    InputMeasurement input;
    bool augment = false;
    double rate = 10;
};

int run(const CLI::App& app, const DataBenchArguments& o, const Globals& globals) {
    std::vector<std::string> specs;
    std::vector<std::unique_ptr<Dataset>> datasets;
    for (const std::string& name : o.specs) {
        specs.push_back(recognize_folder(name));
        datasets.push_back(open_data(app, specs.back(), "data bench", telling_of(globals.quiet)));
    }
    InputMeasurement input = o.input;
    for (auto& dataset : datasets) input.loader.split = take_split(dataset, o.split);
    input.loader.shuffle = true;
    input.loader.seed = globals.seed.value_or(0);
    if (o.augment) {  // what docs/recipes/chexnet.toml asks for
        TransformOptions& transform = input.loader.transform;
        transform.augment = true;
        transform.rotate_degrees = 7;
        transform.shift = 0.03F;
        transform.scale_min = 0.8F;
        transform.brightness = transform.contrast = 0.1F;
    }
    const std::vector<InputRate> rates = measure_input(datasets, specs, input);
    Json json = input_rate_json(specs, rates, input, o.rate);
    json["augment"] = o.augment;
    print_result(globals, json, input_rate_text(specs, rates, input, o.rate));
    return kSuccess;
}

}  // namespace

Run add_data_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<DataBenchArguments>();
    add_list(app, "data", o->specs, "SPEC|DIR", {.least = 1, .most = 100},
             fmt::format("one or more of {}, or a folder alone that holds a pack, a phantom set or NIH's layout",
                         data_spec_help()));
    add_dataset_options(app);
    add_choice(app, "--split", o->split, {"train", "val", "test", kAllSplits}, "split to read");
    add_number(app, "--images", o->input.images, from_to(1, 100'000'000),
               "images to read a round; the split again where it has fewer");
    add_number(app, "--rounds", o->input.rounds, from_to(1, 1000),
               "rounds; each reads from all data in turn, the medians count");
    add_number(app, "--image-size", o->input.loader.transform.image_size, from_to(8, 4096),
               "side of the network's input, pixels");
    add_number(app, "--batch", o->input.loader.batch_size, from_to(1, 65536), "images a batch");
    add_number(app, "--workers", o->input.loader.workers, from_to(1, 1024), "threads that decode");
    add_flag(app, "--augment", o->augment, "with the augmentation of the CheXNet recipe");
    add_flag(app, "--cold", o->input.cold,
             "ask the system to forget the files before each epoch; what that did is told");
    add_number(app, "--rate", o->rate, above(0),
               "images a second that a network takes, for the share of a core that feeds it");
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
