// keel data info, keel data synth
#include <fmt/format.h>
#include <array>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/dataset.h"
#include "data/inspect/info.h"
#include "data/inspect/label_counts.h"
#include "data/phantom/phantom.h"
#include "data/sources/table.h"
#include "kernels/parallel.h"
#include "runs/terminal/progress.h"

namespace keel::cli {
namespace {

Json info_object(const std::string& spec, const Dataset& dataset, const std::array<SplitCounts, 3>& counts) {
    return {{"data", spec},
            {"task", dataset.task() == Task::labels ? "labels" : "classes"},
            {"channels", dataset.channels()},
            {"splits", label_counts_json(dataset, counts)},
            {"missing", dataset.missing().size()},
            {"unlisted", dataset.unlisted().size()}};
}

std::string info_text(const Dataset& dataset, const std::array<SplitCounts, 3>& counts) {
    std::string text = label_counts_table(dataset, counts);
    text += fmt::format("\n{} channel{}\n", dataset.channels(), dataset.channels() == 1 ? "" : "s");
    return text;
}

}  // namespace

Run add_data_info(CLI::App& app, const Globals& globals) {
    const auto spec = std::make_shared<std::string>();
    add_text(app, "spec", *spec, "SPEC", data_spec_help(), Need::required);
    add_dataset_options(app);
    return [&app, spec, &globals] {
        const auto dataset = open_data(app, *spec, "data info", telling_of(globals.quiet));
        const auto counts = count_labels(*dataset);
        print_result(globals, info_object(*spec, *dataset, counts), info_text(*dataset, counts));
        return kSuccess;
    };
}

Run add_data_synth(CLI::App& app, const Globals& globals) {
    const auto options = std::make_shared<PhantomOptions>();
    add_text(app, "directory", options->directory, "DIR", "folder to write; it is made", Need::required);
    add_number(app, "--count", options->count, from_to(1, 10'000'000), "images");
    add_number(app, "--size", options->size, from_to(64, 2048), "side of an image, pixels");
    add_flag(app, "--balanced", options->balanced,
             fmt::format("every label on {:.0f} % of the images, not NIH's frequencies", 100 * kBalancedPrevalence));
    add_flag(app, "--force", options->force, "replace a phantom set that is there already");
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
        print_result(
            globals, object,
            fmt::format("{} synthetic images of {} pixels in {}\n", options->count, options->size, options->directory));
        return kSuccess;
    };
}

}  // namespace keel::cli
