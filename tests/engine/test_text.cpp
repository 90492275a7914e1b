#include "engine/text.h"

#include <string>

#include "tests/support/catch.h"

using keel::excerpt;
using keel::printable;

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
