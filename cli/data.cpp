// keel data info, keel data synth
#include <fmt/format.h>
#include <array>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "data/dataset.h"
#include "data/info.h"
#include "data/phantom.h"
#include "kernels/parallel.h"

namespace keel::cli {
namespace {

struct InfoOptions {
    std::string spec;
    DatasetOptions dataset;
};

Json info_object(const InfoOptions& options, const Dataset& dataset, const std::array<SplitCounts, 3>& counts) {
    const bool labels = dataset.task() == Task::labels;
    Json splits = Json::object();
    for (const Split split : kSplits) {
        const SplitCounts& c = counts[static_cast<std::size_t>(split)];
        Json per_label = Json::object();
        for (std::size_t i = 0; i < c.per_label.size(); ++i) per_label[dataset.label_names()[i]] = c.per_label[i];
        Json& entry = splits[split_name(split)] = {{"samples", c.samples}, {"labels", std::move(per_label)}};
        if (labels) entry["without_label"] = c.without_label;
    }
    return {{"data", options.spec},        {"task", labels ? "labels" : "classes"}, {"channels", dataset.channels()},
            {"splits", std::move(splits)}, {"missing", dataset.missing().size()},   {"unlisted", dataset.unlisted().size()}};
}

std::string info_text(const Dataset& dataset, const std::array<SplitCounts, 3>& counts) {
    const bool labels = dataset.task() == Task::labels;
    std::vector<std::vector<std::string>> rows(1, {labels ? "label" : "class"});
    for (const Split split : kSplits) rows[0].emplace_back(split_name(split));
    const auto add_row = [&](const std::string& title, auto&& count) {
        auto& row = rows.emplace_back(1, title);
        for (const SplitCounts& c : counts) row.push_back(std::to_string(count(c)));
    };
    for (std::size_t i = 0; i < dataset.label_names().size(); ++i)
        add_row(dataset.label_names()[i], [i](const SplitCounts& c) { return c.per_label[i]; });
    if (labels) add_row("without any", [](const SplitCounts& c) { return c.without_label; });
    add_row("samples", [](const SplitCounts& c) { return c.samples; });
    std::string text = format_table(rows);
    text += fmt::format("\n{} channel{}\n", dataset.channels(), dataset.channels() == 1 ? "" : "s");
    if (!dataset.missing().empty()) text += fmt::format("{} rows of the label file have no picture\n", dataset.missing().size());
    if (!dataset.unlisted().empty())
        text += fmt::format("{} labelled pictures are in none of the official lists\n", dataset.unlisted().size());
    return text;
}

}  // namespace

Run add_data_info(CLI::App& app, const Globals& globals) {
    const auto options = std::make_shared<InfoOptions>();
    app.add_option("spec", options->spec, "phantom:DIR, nih:DIR, medmnist:FILE.npz, folder:DIR or cifar10:DIR")
        ->type_name("SPEC")
        ->required();
    add_number(app, "--val-fraction", options->dataset.val_fraction, from_to_below(0, 1),
               "validation split, of the rest, where the data have none");
    add_number(app, "--test-fraction", options->dataset.test_fraction, from_to_below(0, 1),
               "test split, of all, where the data have none");
    add_number(app, "--split-seed", options->dataset.split_seed, at_least(0), "seed of such splits");
    return [options, &globals] {
        const auto dataset = open_dataset(options->spec, options->dataset);
        const auto counts = count_labels(*dataset);
        print_result(globals, info_object(*options, *dataset, counts), info_text(*dataset, counts));
        return kSuccess;
    };
}

Run add_data_synth(CLI::App& app, const Globals& globals) {
    const auto options = std::make_shared<PhantomOptions>();
    app.add_option("directory", options->directory, "folder to write; it is made")->type_name("DIR")->required();
    add_number(app, "--count", options->count, from_to(1, 10'000'000), "images");
    add_number(app, "--size", options->size, from_to(64, 2048), "side of an image, pixels");
    app.add_flag("--balanced", options->balanced,
                 fmt::format("every label on {:.0f} % of the images, not NIH's frequencies", 100 * kBalancedPrevalence));
    app.add_flag("--force", options->force, "replace a phantom set that is there already");
    return [options, &globals] {
        options->seed = globals.seed.value_or(0);
        options->threads = thread_count();
        {
            Progress progress(std::cerr, "drawing", stderr_progress(globals.quiet));
            options->on_progress = [&](std::int64_t done) { progress.update(done, options->count); };
            write_phantom(*options);
            progress.finish();
        }
        const Json object{{"directory", options->directory},
                          {"count", options->count},
                          {"size", options->size},
                          {"seed", options->seed},
                          {"balanced", options->balanced}};
        print_result(globals, object,
                     fmt::format("{} synthetic images of {} pixels in {}\n", options->count, options->size, options->directory));
        return kSuccess;
    };
}

}  // namespace keel::cli
