#include "cli/train_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <cmath>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "cli/options.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

using Row = Option<TrainConfig>;

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;

/// "N", "X", "N,...", "adam|sgd", "DIR": how the help calls the option's value.
std::string value_name(const Row& option) {
    if (const Words* words = std::get_if<Words>(&option.allowed)) return fmt::format("{}", fmt::join(*words, "|"));
    return std::visit(
        [&](auto member) -> std::string {
            using T = std::decay_t<decltype(std::declval<TrainConfig&>().*member)>;
            if constexpr (std::is_same_v<T, std::string>) return std::string(option.unit);
            if constexpr (kIsList<T>) return std::is_integral_v<typename T::value_type> ? "N,..." : "X,...";
            return std::is_integral_v<T> ? "N" : "X";
        },
        option.member);
}

/// What the option is for, then unit, range and default in brackets.
std::string help_text(const Row& option) {
    static const TrainConfig defaults;
    std::vector<std::string> facts;
    const bool is_text = std::holds_alternative<std::string TrainConfig::*>(option.member);
    if (!option.unit.empty() && !is_text) facts.emplace_back(option.unit);
    if (const NumberRange* range = std::get_if<NumberRange>(&option.allowed);
        range != nullptr && !std::isinf(range->low))
        facts.push_back(range->text());
    std::string standard = option_text(defaults, option);
    if (is_text) standard = standard.substr(1, standard.size() - 2);
    const bool is_list = standard == "[]";
    if (!option.when_empty.empty() && !is_text && !is_list) facts.push_back(fmt::format("0: {}", option.when_empty));
    if (standard.empty() || is_list) standard = option.when_empty;
    facts.push_back(option.required ? "required" : "default " + standard);
    return fmt::format("{} [{}]", option.help, fmt::join(facts, "; "));
}

bool is_whole(const Row& option) {
    return std::visit(
        [](auto member) { return std::is_integral_v<std::decay_t<decltype(std::declval<TrainConfig&>().*member)>>; },
        option.member);
}

/// Files after one another on the command line, with commas between in files of options.
bool is_list_of_files(const Row& option) { return option.unit == "FILE,..."; }

/// The results are fetched once all of them are there.
const CLI::callback_t keep = [](const CLI::results_t&) { return true; };

/// Declares the options that `app` does not have already.
void add_flags(CLI::App& app, std::span<const Row> options) {
    for (const Row& option : options) {
        const std::string flag = flag_of(option.key), help = help_text(option);
        if (app.get_option_no_throw(flag) != nullptr) continue;
        if (std::holds_alternative<bool TrainConfig::*>(option.member))
            app.add_flag(fmt::format("{},!--no-{}", flag, flag.substr(2)), help);
        else if (is_list_of_files(option))
            app.add_option(flag, keep, help)->type_name("FILE")->expected(1, 1000);
        else
            app.add_option(flag, keep, help)
                ->type_name(value_name(option))
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // so that a script's flags can be outdone
    }
}

void apply_flags(TrainConfig& config, const CLI::App& app, std::span<const Row> options) {
    for (const Row& option : options) {
        const std::string flag = flag_of(option.key);
        const CLI::Option* const given = app.get_option_no_throw(flag);
        if (given == nullptr) continue;
        std::vector<std::string> texts = given->results();
        if (is_list_of_files(option) && !texts.empty()) texts = {fmt::format("{}", fmt::join(texts, ","))};
        for (const std::string& text : texts) apply_text(config, std::string(option.key), text, flag);
    }
}

/// Applies files, assignments and flags, in the order in which they outdo one another.
void apply_given(TrainConfig& config, const CLI::App& app) {
    for (const std::string& file : app.get_option("--config")->results())
        apply_toml(config, read_toml(file).text, file);
    for (const std::string& assignment : app.get_option("--set")->results()) {
        apply_assignment(config, assignment, "--set");
    }
    apply_flags(config, app, train_options());
}

}  // namespace

void add_dataset_options(CLI::App& app) {
    add_flags(app, dataset_options());
    for (const Row& option : dataset_options())
        if (const NumberRange* range = std::get_if<NumberRange>(&option.allowed))
            app.get_option(flag_of(option.key))->check(number(*range, is_whole(option)));
}

DatasetOptions read_dataset_options(const CLI::App& app, const DatasetOptions& base) {
    TrainConfig config;
    static_cast<DatasetOptions&>(config) = base;
    apply_flags(config, app, dataset_options());
    check_reading(config);
    return config;
}

void add_image_reading_options(CLI::App& app) { add_flags(app, image_reading_options()); }

ImageReading read_image_reading(const CLI::App& app, const ImageReading& reading) {
    TrainConfig config;
    static_cast<ImageReading&>(config) = reading;
    apply_flags(config, app, image_reading_options());
    check_reading(config);
    return config;
}

void add_config_options(CLI::App& app) {
    app.add_option("--config", keep, "configuration file in TOML; its keys are the options of keel train, with _ for -")
        ->type_name("FILE");
    app.add_option("--set", keep, "options by key; they outdo --config, flags outdo them")
        ->type_name("KEY=VALUE")
        ->expected(1, 1000);
}

bool gives_config(const CLI::App& app) { return app.count("--config") + app.count("--set") > 0; }

void add_train_options(CLI::App& app) {
    add_config_options(app);
    add_flags(app, train_options());
}

std::string read_train_out(const CLI::App& app) {
    TrainConfig config;
    apply_given(config, app);
    return config.out;
}

TrainConfig read_train_config(const CLI::App& app, const TomlSource& resumed) {
    TrainConfig config;
    apply_toml(config, resumed.text, resumed.origin);
    apply_given(config, app);
    for (const Row& option : train_options()) {
        if (!option.required || !(config.*std::get<std::string TrainConfig::*>(option.member)).empty()) continue;
        throw UsageError(
            fmt::format("[config] {} {} is required, by flag, --set or --config", flag_of(option.key), option.unit));
    }
    check_train_config(config);
    return config;
}

}  // namespace keel::cli
