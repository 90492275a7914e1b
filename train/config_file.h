// A run's configuration as text: TOML files and single values.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace keel {

/// A TOML text and what messages call it, a file's name.
struct TomlSource {
    std::string text, origin;
};
/// Reads a configuration file. Throws IoError or InputError that names it.
TomlSource read_toml(const std::filesystem::path& file);

/// Sets what a TOML text says. `origin` (a file's name) is how messages call it. A text that to_toml() wrote before
/// there was split_rule stands for the rule `old`, before there was exif_rotation for images read as old_reading().
void apply_toml(TrainConfig& config, std::string_view text, const std::string& origin);

/// Sets `key` from text as a flag or --set gives it: lists have commas, truth values are true or false. `origin` is for
/// messages.
void apply_text(TrainConfig& config, const std::string& key, const std::string& text, const std::string& origin);

/// Does so of "KEY=VALUE". Throws UsageError, as all of these do, for what is none.
void apply_assignment(TrainConfig& config, const std::string& assignment, const std::string& origin);

/// Throws UsageError where a value is out of its range or values contradict each other.
void check_train_config(const TrainConfig& config);

/// Returns the options whose change would make a resumed run another one, as "lr was 0.1, is 0.2"; none for those that
/// cannot (where the run lies, how long it goes on, how many threads work on it).
std::vector<std::string> changes_that_matter(const TrainConfig& before, const TrainConfig& now);

/// Returns the value of one option as config.toml holds it: of a text that is not UTF-8 `{ bytes = "r%F6ntgen" }`.
std::string option_text(const TrainConfig& config, const Option<TrainConfig>& option);

/// Returns all keys and values, as config.toml holds them; apply_toml() of it gives an equal configuration.
std::string to_toml(const TrainConfig& config);

/// Returns of it what must be the same on all ranks of a run.
std::string shared_toml(const TrainConfig& config);

}  // namespace keel
