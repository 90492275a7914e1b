#include "cli/help.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <cstddef>
#include <sstream>

namespace keel::cli {
namespace {

constexpr std::size_t kWidth = 110, kIndent = 30;

/// "  name" and then `text`, wrapped, from column kIndent on.
std::string entry(const std::string& name, const std::string& text) {
    std::string out, line = "  " + name;
    if (line.size() + 2 > kIndent) {
        out = line + "\n";
        line.clear();
    }
    line.resize(kIndent, ' ');
    std::istringstream words(text);
    bool first = true;
    for (std::string word; words >> word; first = false) {
        if (!first && line.size() + 1 + word.size() > kWidth) {
            out += line + "\n";
            line.assign(kIndent, ' ');
            first = true;
        }
        line += (first ? "" : " ") + word;
    }
    return out + line + "\n";
}

/// "--flag, -f TYPE" of an option, "NAME..." of a positional.
std::string option_name(const CLI::Option& option) {
    std::string type = option.get_type_name();
    const bool several = option.get_items_expected_max() > 1;
    if (option.get_positional()) return (type.empty() ? option.get_single_name() : type) + (several ? "..." : "");
    std::string name;
    for (const std::string& word : option.get_snames()) name += (name.empty() ? "-" : ", -") + word;
    for (const std::string& word : option.get_lnames()) name += (name.empty() ? "--" : ", --") + word;
    // A flag expects no value, whatever type CLI11 gives to its count.
    if (option.get_items_expected_max() > 0) name += " " + type + (several ? "..." : "");
    return name;
}

std::string option_help(const CLI::Option& option) {
    std::string text = option.get_description();
    if (option.get_required()) text += " [required]";
    if (!option.get_default_str().empty()) text += fmt::format(" [default {}]", option.get_default_str());
    return text;
}

std::string section(const std::string& title, const std::string& entries) {
    return entries.empty() ? "" : "\n" + title + ":\n" + entries;
}

}  // namespace

std::string help_text(const CLI::App& app) {
    std::string name = app.get_name();
    for (const CLI::App* parent = app.get_parent(); parent != nullptr; parent = parent->get_parent())
        name = parent->get_name() + " " + name;

    std::string usage = "Usage: " + name, positionals, options, subcommands;
    for (const CLI::Option* option : app.get_options({})) {
        (option->get_positional() ? positionals : options) += entry(option_name(*option), option_help(*option));
        if (option->get_positional()) usage += " " + option_name(*option);
    }
    for (const CLI::App* child : app.get_subcommands({}))
        subcommands += entry(child->get_name(), child->get_description());
    if (!subcommands.empty()) usage += " COMMAND";
    usage += " [OPTIONS]";

    std::string summary = app.get_description();
    return usage + "\n\n" + summary + "\n" + section("Arguments", positionals) + section("Commands", subcommands) +
           section("Options", options);
}

}  // namespace keel::cli
