// The options of `keel train` on the command line, defaults < the run resumed < --config < --set < flags, and those of
// them that other commands take.
#pragma once

#include <string>

#include "train/config_file.h"
#include "train/train_config.h"

namespace CLI {
class App;
}

namespace keel::cli {

/// Declares --config and --set, for commands without a flag for each of train_options(): read_train_config() takes
/// what `app` declares.
void add_config_options(CLI::App& app);

/// Returns whether the command line gives --config or --set.
bool gives_config(const CLI::App& app);

/// Declares --config, --set and a flag for each of train_options() that `app` does not have already; of a flag that is
/// given twice the last counts.
void add_train_options(CLI::App& app);

/// Declares the flags of dataset_options(): how --data is read.
void add_dataset_options(CLI::App& app);

/// Returns what they say on the parsed command line, what they do not as in `base`. Throws UsageError as
/// read_train_config() does.
DatasetOptions read_dataset_options(const CLI::App& app, const DatasetOptions& base = {});

/// Declares the flags of image_reading_options(): how image files are read.
void add_image_reading_options(CLI::App& app);

/// Returns what they say on the parsed command line, as read_dataset_options() does.
ImageReading read_image_reading(const CLI::App& app, const ImageReading& reading);

/// Returns the run's folder as flags, --set or --config name it; empty: none does.
std::string read_train_out(const CLI::App& app);

/// Returns the configuration that the parsed command line of `app` (see add_train_options) asks for. `resumed` is a
/// run's resolved one, which takes the defaults' place; empty: none. Throws UsageError that names the key, where it
/// stands, what is allowed and what came.
TrainConfig read_train_config(const CLI::App& app, const TomlSource& resumed = {});

}  // namespace keel::cli
