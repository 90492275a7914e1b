// The options of commands that read data for trained models, and how they are told what was read.
#pragma once

#include <memory>
#include <string>
#include <vector>

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
};

/// Declares what is the same for all that read data for a model, after --data and --split: --batch-size, --workers,
/// --max-bad and how a data set is read.
void add_reading(CLI::App& app, ReadingOptions& o);

/// Declares --checkpoint, which may be given several times.
void add_checkpoints(CLI::App& app, std::vector<std::string>& checkpoints);

/// Declares --precision, a word for precision_of().
void add_precision(CLI::App& app, std::string& precision);

/// How images are shown to a model.
struct ViewFlags {
    std::int64_t resize = 0, crop = 0;
    std::string tta = "none";

    ViewOptions options() const { return {resize, crop, parse_view_kind(tta)}; }
};
void add_view_options(CLI::App& app, ViewFlags& o);

/// How much of what is known about data is told; of several ranks that read the same, one tells it.
enum class Telling { all, warnings, nothing };

/// What a command's --quiet leaves, on the rank that speaks for all.
Telling telling_of(bool quiet, bool is_root = true);

/// Tells remarks on stderr. `command` is how messages call the program's command.
void tell(const std::vector<Remark>& remarks, const std::string& command, Telling telling);

/// Opens --data as the parsed command line of `app` says (add_dataset_options), and `base` where it does not; tells on
/// stderr what was found, what of it is used and what is not: see tell().
std::unique_ptr<Dataset> open_data(const CLI::App& app, const std::string& spec, const std::string& command,
                                   Telling telling, const DatasetOptions& base = {});

/// Returns how --data is read on a checkpoint's behalf: as its run did (options_for()) where the command line of `app`
/// does not say otherwise.
DatasetOptions data_options(const CLI::App& app, const std::string& spec, const std::string& checkpoint);

/// Opens what checkpoints are used on, read and divided as the first one's run did (options_for()), and says of each
/// where images are read otherwise than its own were and, where it is scored, if it was trained on the data. For the
/// split "all" the set's splits are joined (data/sources/joined_splits.h).
std::unique_ptr<Dataset> open_data(const CLI::App& app, const ReadingOptions& o,
                                   const std::vector<std::string>& checkpoints, const std::string& command,
                                   Telling telling, bool scored);

/// Tells on stderr that images are read otherwise than those a model was trained on, where they are.
void warn_of_reading(const std::string& command, const ImageReading& reading, const ImageReading& model);

/// In the split's order, the images as the model takes them; a bad one is named on stderr as skipped by `command`.
LoaderOptions loader_options(const ReadingOptions& o, const ModelSpec& spec, const std::string& command);

}  // namespace keel::cli
