#include "runs/report/sections.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "engine/json.h"
#include "runs/report/page.h"
#include "train/config_file.h"

namespace keel::report {
namespace {

std::vector<double> epochs_of(const RunData& run) { return run.metrics.column("epoch"); }

/// The last finite value of a column.
double last_of(const std::vector<double>& values) {
    for (auto it = values.rbegin(); it != values.rend(); ++it)
        if (std::isfinite(*it)) return *it;
    return kNaN;
}

double sum_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double v : values) sum += std::isfinite(v) ? v : 0;
    return sum;
}

Axis epoch_axis() { return {.label = "epoch", .whole = true}; }

std::string losses_figure(const RunData& run) {
    Plot plot{epoch_axis(), {.label = "loss"}, {}};
    std::vector<std::string> names;
    for (const auto& [key, name] : {std::pair{"train_loss", "training"}, {"val_loss", "validation"}}) {
        if (!run.metrics.has(key)) continue;
        plot.series.push_back({name, epochs_of(run), run.metrics.column(key), static_cast<int>(names.size())});
        names.emplace_back(name);
    }
    return figure("Loss", names, to_svg(plot));
}

/// The metric that runs are chosen by, over a faint line for each label; of classes AUC and accuracy.
std::string scores_figure(const RunData& run) {
    Plot plot{epoch_axis(), {.label = "score"}, {}};
    std::vector<std::string> names;
    std::string title = "Validation scores";
    if (run.metrics.has("val_auroc_mean")) {
        title = "Validation AUROC: the mean, and each label behind it";
        for (const auto& [key, values] : run.metrics.columns)
            if (key.starts_with("val_auroc_") && key != "val_auroc_mean" && run.metrics.has(key))
                plot.series.push_back({key.substr(std::string("val_auroc_").size()), epochs_of(run), values, 0, true});
        plot.series.push_back({"mean AUROC", epochs_of(run), run.metrics.column("val_auroc_mean"), 0});
    } else {
        for (const auto& [key, name] : {std::pair{"val_auc", "AUC"}, {"val_accuracy", "accuracy"}}) {
            if (!run.metrics.has(key)) continue;
            plot.series.push_back({name, epochs_of(run), run.metrics.column(key), static_cast<int>(names.size())});
            names.emplace_back(name);
        }
    }
    return plot.series.empty() ? "" : figure(title, names, to_svg(plot));
}

}  // namespace

std::string curve_figure(const std::string& caption, const std::string& unit, const std::string& key,
                         const std::vector<const RunData*>& runs, const Axis& y_axis) {
    Plot plot{epoch_axis(), y_axis, {}};
    plot.y.label = unit;
    std::vector<std::string> names;
    bool any = false;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        any = any || runs[i]->metrics.has(key);
        plot.series.push_back({runs.size() > 1 ? runs[i]->name : caption, epochs_of(*runs[i]),
                               runs[i]->metrics.column(key), static_cast<int>(i)});
        names.push_back(runs[i]->name);
    }
    return any ? figure(caption, runs.size() > 1 ? names : std::vector<std::string>{}, to_svg(plot)) : "";
}

std::string duration(double seconds) {
    if (!(seconds >= 0 && seconds < 1e15)) return "–";
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string summary_html(const RunData& run) {
    const auto best = run.best_row();
    const auto at_best = [&](const char* key) { return best ? run.metrics.column(key)[*best] : kNaN; };
    std::vector<Tile> list{
        {best ? number(run.metrics.column(run.metric_key())[*best]) : "–", "best " + run.metric_name()},
        {best ? fmt::format("{:.0f}", at_best("epoch")) : "–", "its epoch"},
        {fmt::format("{} of {}", run.metrics.rows, run.config.epochs), "epochs done"},
        {number(last_of(run.metrics.column("train_loss"))), "last training loss"},
        {number(last_of(run.metrics.column("images_per_second")), 1), "images per second"},
        {duration(sum_of(run.metrics.column("seconds"))), "training time"}};
    if (const double bad = last_of(run.metrics.column("bad_images")); bad > 0)
        list.push_back({fmt::format("{:.0f}", bad), "unreadable images skipped"});
    return tiles(list);
}

std::string curves_html(const RunData& run) {
    const std::vector<const RunData*> one{&run};
    return "<div class=\"grid\">\n" + losses_figure(run) + scores_figure(run) +
           curve_figure("Learning rate", "learning rate", "lr", one, {.logarithmic = true}) +
           curve_figure("Throughput", "images per second", "images_per_second", one, {.low = 0}) + "</div>\n";
}

ConfigEntries config_entries(const TrainConfig& config) {
    ConfigEntries entries;
    std::istringstream lines(to_toml(config));
    for (std::string line; std::getline(lines, line);)
        if (const std::size_t at = line.find(" = "); at != std::string::npos && !line.starts_with('#'))
            entries.emplace_back(line.substr(0, at), line.substr(at + 3));
    return entries;
}

std::string value_of(const ConfigEntries& entries, const std::string& key) {
    const auto entry = std::ranges::find(entries, key, &ConfigEntries::value_type::first);
    return entry == entries.end() ? "" : entry->second;
}

std::string config_html(const RunData& run) {
    const TrainConfig config;
    const ConfigEntries defaults = config_entries(config);
    std::vector<Fact> list;
    for (const auto& [key, value] : config_entries(run.config))
        list.push_back({key, value, value != value_of(defaults, key)});
    return facts(list) + note("Bold: not the default.");
}

std::string machine_html(const RunData& run) {
    if (!run.machine.is_object()) return note("The run does not say what it ran on.");
    std::vector<Fact> list;
    std::string warnings;
    for (const auto& [key, value] : run.machine.items()) {
        if (key == "warnings" && value.is_array()) {
            for (const auto& warning : value)
                if (warning.is_string()) warnings += note("Warning: " + warning.get<std::string>());
            continue;
        }
        if (value.is_null() || value.empty()) continue;
        std::string text;
        if (value.is_array())
            for (const auto& item : value)
                text += (text.empty() ? "" : " ") + (item.is_string() ? item.get<std::string>() : json_text(item));
        else if (key.ends_with("_bytes") && value.is_number())
            text = fmt::format("{:.1f} GB", value.get<double>() / 1e9);
        else
            text = value.is_string() ? value.get<std::string>() : valid_json_text(value);
        list.push_back({key.ends_with("_bytes") ? key.substr(0, key.size() - 6) : key, text});
    }
    return facts(list) + warnings;
}

}  // namespace keel::report
