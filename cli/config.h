// A run's configuration from its sources: defaults < the run resumed < --config < --set < flags.
#pragma once

#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/train_config.h"

namespace keel::cli {

/// Declares --config, --set and a flag for each of train_options() that `app` does not have already.
void add_train_options(CLI::App& app);

/// The configuration that the parsed command line of `app` (see add_train_options) asks for. `resumed` is a config.toml that takes
/// the defaults' place; empty: none. Throws UsageError that names the key, where it stands, what is allowed and what came.
TrainConfig read_train_config(const CLI::App& app, const std::filesystem::path& resumed = {});

/// Sets what a TOML text says. `origin` (a file's name) is how messages call it.
void apply_toml(TrainConfig& config, std::string_view text, const std::string& origin);

/// Sets `key` from text as a flag or --set gives it: lists have commas, truth values are true or false. `origin` is for messages.
void apply_text(TrainConfig& config, const std::string& key, const std::string& text, const std::string& origin);

/// Throws UsageError where required values are missing or values contradict each other.
void check_train_config(const TrainConfig& config);

/// All keys and values, as config.toml holds them; apply_toml() of it gives an equal configuration.
std::string to_toml(const TrainConfig& config);

}  // namespace keel::cli
