#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <string>

#include "cli/app.h"
#include "tests/support/catch.h"

using namespace keel::cli;

TEST_CASE("The help names positionals, commands and options with what they take", "[help]") {
    CLI::App app("Does things.", "tool");
    app.set_help_flag("--help", "print this help");
    std::vector<std::string> files, names;
    int number = 3;
    bool flag = false;
    app.add_option("files", files, "what to read")->type_name("FILE")->required();
    app.add_option("-n,--number", number, "how many")->type_name("N")->capture_default_str();
    app.add_option("--names", names, "which")->type_name("NAME");
    app.add_flag("--fast", flag, "sooner");
    CLI::App* const child = app.add_subcommand("child", "does a part");
    CHECK(help_text(app) ==
          "Usage: tool FILE... COMMAND [OPTIONS]\n\nDoes things.\n"
          "\nArguments:\n"
          "  FILE...                     what to read [required]\n"
          "\nCommands:\n"
          "  child                       does a part\n"
          "\nOptions:\n"
          "  --help                      print this help\n"
          "  -n, --number N              how many [default 3]\n"
          "  --names NAME...             which\n"
          "  --fast                      sooner\n");
    CHECK(help_text(*child).starts_with("Usage: tool child [OPTIONS]\n\ndoes a part\n"));
}

TEST_CASE("Help is wrapped at 110 columns, under its own column", "[help]") {
    CLI::App app("x", "tool");
    app.set_help_flag();
    bool flag = false;
    std::string text;
    for (int i = 0; i < 40; ++i) text += "word" + std::to_string(i) + " ";
    app.add_flag("--a-name-that-is-longer-than-its-column", flag, text);
    std::istringstream lines(help_text(app));
    std::string line, words;
    while (std::getline(lines, line) && line != "Options:") {
    }
    std::getline(lines, line);
    CHECK(line == "  --a-name-that-is-longer-than-its-column");
    while (std::getline(lines, line)) {
        CHECK(line.size() <= 110);
        CHECK(line.find_first_not_of(' ') == 30);
        words += line.substr(30) + " ";
    }
    CHECK(words == text);
}

TEST_CASE("Commands have names of their own, and a summary", "[help]") {
    const auto check = [](const auto& self, const std::vector<Command>& list) -> void {
        for (const Command& command : list) {
            INFO(command.name);
            CHECK(std::ranges::count(list, command.name, &Command::name) == 1);
            CHECK_FALSE(command.summary.empty());
            CHECK((command.add == nullptr) == !command.children.empty());
            self(self, command.children);
        }
    };
    CHECK(commands().size() > 10);
    check(check, commands());
}
