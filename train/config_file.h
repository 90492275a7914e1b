// A run's configuration from its sources: defaults < the run resumed < --config < --set < flags.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "train/train_config.h"

namespace keel::cli {

/// Declares --config, --set and a flag for each of train_options() that `app` does not have already.
void add_train_options(CLI::App& app);

/// A TOML text and what messages call it, a file's name.
struct TomlSource {
    std::string text, origin;
};
/// Reads a configuration file.
TomlSource read_toml(const std::filesystem::path& file);

/// The configuration that the parsed command line of `app` (see add_train_options) asks for. `resumed` is a run's resolved one, which
/// takes the defaults' place; empty: none. Throws UsageError that names the key, where it stands, what is allowed and what came.
TrainConfig read_train_config(const CLI::App& app, const TomlSource& resumed = {});

/// Sets what a TOML text says. `origin` (a file's name) is how messages call it.
void apply_toml(TrainConfig& config, std::string_view text, const std::string& origin);

/// Sets `key` from text as a flag or --set gives it: lists have commas, truth values are true or false. `origin` is for messages.
void apply_text(TrainConfig& config, const std::string& key, const std::string& text, const std::string& origin);

/// Throws UsageError where required values are missing or values contradict each other.
void check_train_config(const TrainConfig& config);

/// The options whose change would make a resumed run another one, as "lr was 0.1, is 0.2"; none for those that cannot (where the run
/// lies, how long it goes on, how many threads work on it).
std::vector<std::string> changes_that_matter(const TrainConfig& before, const TrainConfig& now);

/// All keys and values, as config.toml holds them; apply_toml() of it gives an equal configuration.
std::string to_toml(const TrainConfig& config);

}  // namespace keel::cli
