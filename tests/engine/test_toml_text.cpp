#include "engine/toml_text.h"

#include <optional>
#include <string>

#include "tests/support/catch.h"

using keel::line_beyond_ascii;

TEST_CASE("Characters beyond ASCII are for strings and comments of TOML", "[toml_text]") {
    for (const char* text : {"", "a = 1", "a = \"\u00e9\"", "a = '\u00e9'", "# \u00e9\na = 1",
                             "\xEF\xBB\xBF"
                             "\"a\" = 1",
                             "a = \"\\\"\u00e9\"", "a = \"\"\"\n\u00e9\"\u00e9\"\"\u00e9\"\"\"\"\"\nb = 1",
                             "a = '''\n\u00e9'\u00e9'''", "a = '\\'\nb = \"\u00e9\"", "a = \"\"\"x\\\n   y\u00e9\"\"\"",
                             "a = \"\"\"\\\\\n\u00e9\"\"\"", "a = \"\" # \u00e9", "\"\u00e9\" = 1"}) {
        CAPTURE(text);
        CHECK_FALSE(line_beyond_ascii(text).has_value());
    }
    CHECK(line_beyond_ascii("\u00e9 = 1") == 1);
    CHECK(line_beyond_ascii("a = 1\nb = [1, \u01a2") == 2);
    CHECK(line_beyond_ascii("a = \"\u00e9\"\n\nb = \u00e9") == 3);
    CHECK(line_beyond_ascii("a = 'x'\u00a0") == 1);
    CHECK(line_beyond_ascii("a = \"x\ny = \u00e9") == 2);  // the parser ends at the string before
    CHECK(line_beyond_ascii("a = \"\"\"x\\\n  \u00e9\"\"\"") == 2);
    CHECK(line_beyond_ascii("a = \"\"\"\"\"\"\u00e9") == 1);
    CHECK(line_beyond_ascii("a = \"\"\"ch\\\\\\\u00e9\"\"\"") == 1);
    CHECK(line_beyond_ascii("a = \"\\\u00e9\"") == 1);
    CHECK(line_beyond_ascii("a = 0'\u00e9'") == 1);
    CHECK(line_beyond_ascii("a = 0['\u00e9'") == 1);
    CHECK(line_beyond_ascii("a = 0{5=\"\u00e9\"") == 1);
    CHECK(line_beyond_ascii("a = 0.5=\"\u00e9\"") == 1);
    CHECK(line_beyond_ascii("a = [\n0.'\u00e9'") == 2);
    CHECK_FALSE(
        line_beyond_ascii(
            "[a.\"\u00e9\"]\nb.'\u00e9'.\"\u00e9\"=[\n'\u00e9', {b.\"\u00e9\"=1, c='\u00e9'}]\n\"\u00e9\"=\"\u00e9\"")
            .has_value());
    CHECK_FALSE(line_beyond_ascii("a = [\"\u00e9\", ['\u00e9'], {b='\u00e9'}]").has_value());
    for (const char* text : {"\"", "'", "\"\"\"", "'''", "\"\\", "\"\"\"\\", "\"\"\"\\\n", "#"})
        CHECK_FALSE(line_beyond_ascii(text).has_value());
}
