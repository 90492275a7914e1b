#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "cli/cluster/exit_code.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::cli;

TEST_CASE("A number out of its range, or no number at all, is refused with what is wanted", "[options]") {
    const auto whole = number(from_to(1, 4096), true), any = number(from_to_below(0, 1), false);
    for (const char* good : {"1", "17", "4096"}) CHECK(whole(good).empty());
    for (const char* bad : {"0", "4097", "-1", "1.5", "1x", "", " 1", "nan", "0x10", "9999999999999999999999"})
        CHECK(whole(bad) == "wanted a whole number 1 to 4096, not '" + std::string(bad) + "'");
    for (const char* good : {"0", "0.999", "1e-300", "5e-1"}) CHECK(any(good).empty());
    for (const char* bad : {"1", "-0.1", "nan", "inf", "1e999", "half", ""})
        CHECK(any(bad) == "wanted a number 0 to below 1, not '" + std::string(bad) + "'");
    CHECK(number(at_least(0), true)("9223372036854775807").empty());
    CHECK_FALSE(number(at_least(0), true)("9223372036854775808").empty());
}

TEST_CASE("An option of a number has range and default in its help", "[options]") {
    CLI::App app;
    int workers = 2;
    double share = 0.25;
    add_number(app, "--workers", workers, from_to(1, 8), "threads");
    add_number(app, "--share", share, from_to(0, 1), "of all");
    const CLI::Option* const option = app.get_option("--workers");
    CHECK(option->get_description() == "threads [1 to 8]");
    CHECK(option->get_type_name() == "N");
    CHECK(option->get_default_str() == "2");
    CHECK(app.get_option("--share")->get_type_name() == "X");
    app.parse(std::vector<std::string>{"0.5", "--share", "8", "--workers"});
    CHECK(workers == 8);
    CHECK(share == 0.5);
    CHECK_THROWS_AS(app.parse(std::vector<std::string>{"9", "--workers"}), CLI::ValidationError);
}

TEST_CASE("Options of texts, words and lists take what they say, and no more", "[options]") {
    const auto parsed = [](std::vector<std::string> line, std::string& text, std::string& word,
                           std::vector<std::string>& commas, std::vector<std::string>& each,
                           std::vector<std::string>& files) {
        CLI::App app;
        add_text(app, "--out", text, "FILE", "where to");
        add_choice(app, "--mode", word, {"fast", "slow"}, "how");
        add_list(app, "--by", commas, "NAME", {.commas = true}, "groups");
        add_list(app, "--label", each, "LABEL", {.one_each = true}, "labels");
        add_list(app, "files", files, "FILE", {.least = 2, .most = 3}, "what");
        std::ranges::reverse(line);  // CLI11 takes the words last first
        app.parse(line);
    };
    std::string text = "x", word = "fast";
    std::vector<std::string> commas, each, files;
    const auto parse = [&](const std::vector<std::string>& line) { parsed(line, text, word, commas, each, files); };
    parse({"--label", "a", "p", "--label", "b", "q", "--by", "sex,age", "--mode", "slow", "--out", "y"});
    CHECK((text == "y" && word == "slow"));
    CHECK((commas == std::vector<std::string>{"sex", "age"}));
    CHECK((each == std::vector<std::string>{"a", "b"}));
    CHECK((files == std::vector<std::string>{"p", "q"}));
    CHECK_THROWS_AS(parse({"p", "q", "--mode", "other"}), CLI::ParseError);
    CHECK_THROWS_AS(parse({"p"}), CLI::ParseError);
    CHECK_THROWS_AS(parse({}), CLI::ParseError);
}

TEST_CASE("An error's type is the program's exit code", "[options]") {
    CHECK(exit_code_of(UsageError("x")) == 2);
    CHECK(exit_code_of(InputError("x")) == 3);
    CHECK(exit_code_of(DivergedError("x")) == 4);
    CHECK(exit_code_of(IoError("x")) == 5);
    CHECK(exit_code_of(std::bad_alloc()) == 1);
}
