// The options of commands that read a data set for a trained model: eval and quantize.
#pragma once

#include <string>

#include "data/dataset.h"
#include "data/pipeline/loader.h"
#include "embed/views.h"
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
    DatasetOptions dataset{};
};

/// Declares what is the same for all that read data, after --data and --split: --batch-size, --workers, --max-bad and
/// those of a data set's split.
void add_reading(CLI::App& app, ReadingOptions& o);

/// How images are shown to a model.
struct ViewFlags {
    std::int64_t resize = 0, crop = 0;
    std::string tta = "none";

    ViewOptions options() const { return {resize, crop, parse_view_kind(tta)}; }
};
void add_view_options(CLI::App& app, ViewFlags& o);

/// In the split's order, the images as the model takes them; a bad one is named on stderr as skipped by `command`.
LoaderOptions loader_options(const ReadingOptions& o, const ModelSpec& spec, const std::string& command);

}  // namespace keel::cli
