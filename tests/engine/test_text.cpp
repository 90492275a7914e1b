#include "engine/text.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Printable text is UTF-8 without control characters", "[text]") {
    for (const char* good : {"a", "No Finding", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                             "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\xE2\x82\xAC 5"})
        CHECK(printable(good));
    for (const std::string bad : {"", "\n", "a\tb", "\x1B[31m", "\x7F", "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2",
                                  "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF",
                                  "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xC3"})
        CHECK_FALSE(printable(bad));
    CHECK_FALSE(printable(std::string(1, '\0')));
}

TEST_CASE("An excerpt is printable and short", "[text]") {
    CHECK(excerpt("a.png") == "a.png");
    CHECK(excerpt("") == "");
    CHECK(excerpt("\x1B[31m\n\xC3{\xE2\x82\xAC") == "?[31m??{\xE2\x82\xAC");
    CHECK(excerpt(std::string(80, 'x')) == std::string(80, 'x'));
    CHECK(excerpt(std::string(1 << 20, 'x')) == std::string(80, 'x') + "...");
    CHECK(excerpt(std::string(79, 'x') + "\xE2\x82\xAC") == std::string(79, 'x') + "...");  // no half of a character
}

TEST_CASE("The nearest name", "[text]") {
    const std::vector<std::string> names{"train", "eval", "predict", "data"};
    CHECK(nearest("trian", names) == "train");
    CHECK(nearest("predct", names) == "predict");
    CHECK(nearest("dada", names) == "data");
    CHECK(nearest("quantize", names).empty());
    CHECK(nearest("", names).empty());
    CHECK(suggestion("evall", names) == ", did you mean 'eval'?");
}

TEST_CASE("A table's first column is aligned to the left, the others to the right", "[text]") {
    CHECK(format_table({{"label", "n", "AUROC"}, {"Mass", "12", "0.5"}, {"", "", "undefined"}}) ==
          "label   n      AUROC\n"
          "Mass   12        0.5\n"
          "           undefined\n");
}
