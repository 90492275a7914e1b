// keel data bench: what the input pipeline costs, without a network after it, from one storage or from several in turn.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/inspect/input_rate.h"
#include "data/sources/joined_splits.h"
#include "data/sources/recognize.h"
#include "data/sources/table.h"

namespace keel::cli {
namespace {

struct Options {
    std::vector<std::string> specs;
    std::string split = "train";
    InputMeasurement input;
    bool augment = false;
    double rate = 10;
};

double mb_per_second(std::int64_t bytes, const InputRate& rate) {
    return 1e-6 * static_cast<double>(bytes) / rate.seconds;
}

std::string note(const Options& o, const std::string& spec, const InputRate& rate) {
    if (!o.input.cold || rate.from_storage()) return "";
    if (rate.in_memory) return fmt::format("{}: held in memory, there is no cache to empty\n", spec);
    return fmt::format(
        "{}: emptying the cache had no effect, the system says that {:.1f} of {:.1f} MB/s came from storage\n", spec,
        mb_per_second(rate.storage_bytes, rate), mb_per_second(rate.read_bytes, rate));
}

Json to_json(const Options& o, const std::string& spec, const InputRate& rate) {
    Json json{{"data", spec},
              {"images", rate.images},
              {"bad_images", rate.bad},
              {"images_per_second", 1 / rate.seconds},
              {"mb_per_second", mb_per_second(rate.read_bytes, rate)},
              {"storage_mb_per_second", mb_per_second(rate.storage_bytes, rate)},
              {"cpu_ms_per_image", 1e3 * rate.cpu_seconds},
              {"core_share", rate.cpu_seconds * o.rate}};
    if (o.input.cold) json["cache_emptied"] = rate.from_storage();
    return json;
}

void print(const Options& o, const Globals& globals, const std::vector<std::string>& specs,
           const std::vector<InputRate>& rates) {
    Json results = Json::array();
    std::vector<std::vector<std::string>> rows{
        {"data", "img/s", "MB/s read", "from storage", "ms of a core", fmt::format("core at {} img/s", o.rate)}};
    std::string notes;
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const InputRate& r = rates[i];
        results.push_back(to_json(o, specs[i], r));
        rows.push_back(
            {specs[i], fmt::format("{:.1f}", 1 / r.seconds), fmt::format("{:.1f}", mb_per_second(r.read_bytes, r)),
             fmt::format("{:.1f}", mb_per_second(r.storage_bytes, r)), fmt::format("{:.2f}", 1e3 * r.cpu_seconds),
             fmt::format("{:.1f} %", 100 * r.cpu_seconds * o.rate)});
        notes += note(o, specs[i], r);
    }
    const LoaderOptions& loader = o.input.loader;
    const Json object{{"image_size", loader.transform.image_size},
                      {"batch", loader.batch_size},
                      {"workers", loader.workers},
                      {"augment", o.augment},
                      {"cold", o.input.cold},
                      {"rounds", o.input.rounds},
                      {"rate", o.rate},
                      {"results", std::move(results)}};
    print_result(globals, object,
                 format_table(rows) +
                     fmt::format("medians of {} round{} of {} images at {} x {} with {} workers{}\n", o.input.rounds,
                                 o.input.rounds == 1 ? "" : "s, in turn,", rates.front().images,
                                 loader.transform.image_size, loader.transform.image_size, loader.workers,
                                 o.input.cold ? ", cache emptied before each epoch" : "") +
                     notes);
}

int run(const CLI::App& app, const Options& o, const Globals& globals) {
    std::vector<std::string> specs;
    std::vector<std::unique_ptr<Dataset>> datasets;
    for (const std::string& name : o.specs) {
        specs.push_back(recognize_folder(name));
        datasets.push_back(open_data(app, specs.back(), "data bench", globals.quiet));
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
    print(o, globals, specs, measure_input(datasets, specs, input));
    return kSuccess;
}

}  // namespace

Run add_data_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("data", o->specs,
                   fmt::format("one or more of {}, or a folder alone that holds a pack, a phantom set or NIH's layout",
                               data_spec_help()))
        ->type_name("SPEC|DIR")
        ->required()
        ->expected(1, 100);
    add_dataset_options(app);
    app.add_option("--split", o->split, "split to read")
        ->check(CLI::IsMember({"train", "val", "test", kAllSplits}))
        ->capture_default_str();
    add_number(app, "--images", o->input.images, from_to(1, 100'000'000),
               "images to read a round; the split again where it has fewer");
    add_number(app, "--rounds", o->input.rounds, from_to(1, 1000),
               "rounds; each reads from all data in turn, the medians count");
    add_number(app, "--image-size", o->input.loader.transform.image_size, from_to(8, 4096),
               "side of the network's input, pixels");
    add_number(app, "--batch", o->input.loader.batch_size, from_to(1, 65536), "images a batch");
    add_number(app, "--workers", o->input.loader.workers, from_to(1, 1024), "threads that decode");
    app.add_flag("--augment", o->augment, "with the augmentation of the CheXNet recipe");
    app.add_flag("--cold", o->input.cold,
                 "ask the system to forget the files before each epoch; what that did is told");
    add_number(app, "--rate", o->rate, above(0),
               "images a second that a network takes, for the share of a core that feeds it");
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
