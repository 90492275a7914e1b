#include "engine/conv_tuning.h"

#include <fstream>

#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tuning.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("choices survive their file", "[tuning]") {
    const TuningScope scope;
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "tuning.json";
    const Conv2dGeometry g = some_geometry();
    tune_convolutions(path, {});
    const bool own = is_own(preferred_layout(g, true));
    const auto choices = load_conv_choices(path);
    REQUIRE(choices.size() == 1);
    CHECK(choices[0].geometry == g);
    CHECK(choices[0].own == own);

    int measured = 0;
    tune_convolutions(path, [&](const ConvChoice&) { ++measured; });
    CHECK(is_own(preferred_layout(g, true)) == own);
    CHECK(measured == 0);
    Conv2dGeometry other = g;
    other.ih = 7;
    preferred_layout(other, true);
    CHECK(measured == 1);
    CHECK(load_conv_choices(path).size() == 2);
}

TEST_CASE("a file of other conditions, or no such file at all, is refused by name", "[tuning]") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "tuning.json";
    const auto refused = [&](const std::string& text, const std::string& part) {
        std::ofstream(path) << text;
        INFO(text);
        CHECK_THROWS_AS(load_conv_choices(path), InputError);
        CHECK_THROWS_WITH(load_conv_choices(path), contains("tuning.json"));
        CHECK_THROWS_WITH(load_conv_choices(path), contains(part));
    };
    save_conv_choices(path, {{some_geometry(), true, 1, 2}});
    std::string good;
    std::getline(std::ifstream(path), good, '\0');
    {
        const ThreadScope threads(thread_count() + 1);
        CHECK_THROWS_AS(load_conv_choices(path), InputError);
    }
    refused("", "parse error");
    refused("[]", "wanted the choices");
    refused(good.substr(0, good.size() / 2), "parse error");
    const auto swapped = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        return text;
    };
    refused(swapped("\"own\"", "\"both\""), "not \"both\"");
    refused(swapped("\"stride\"", "\"strode\""), "stride");
    refused(swapped("\"isa\"", "\"asi\""), "measured under");
    CHECK_THROWS_AS(load_conv_choices(folder / "none.json"), IoError);
}
