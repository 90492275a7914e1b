// The options of commands that read a data set for a trained model: eval and quantize.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/pipeline/loader.h"
#include "models/model_spec.h"

namespace CLI {
class App;
}

namespace keel::cli {

struct ReadingOptions {
    std::string data = "", split = "";
    std::int64_t batch_size = 0;  ///< the command's own default, as the split
    int workers = 2;
    double max_bad = 0.001;
};

/// Declares what is the same for all that read data for a model, after --data and --split: --batch-size, --workers,
/// --max-bad and how a data set is read.
void add_reading(CLI::App& app, ReadingOptions& o);

/// Opens --data as the parsed command line of `app` says (add_dataset_options) and tells on stderr what was found, what
/// of it is used and what is not; `quiet` leaves warnings. `command` is how messages call the program's command.
std::unique_ptr<Dataset> open_data(const CLI::App& app, const std::string& spec, const std::string& command,
                                   bool quiet);

/// In the split's order, the images as the model takes them; a bad one is named on stderr as skipped by `command`.
LoaderOptions loader_options(const ReadingOptions& o, const ModelSpec& spec, const std::string& command);

}  // namespace keel::cli
