#include "data/formats/csv.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

using Strings = std::vector<std::string>;

TEST_CASE("Lines of a file come without their ends and without a byte-order mark", "[csv]") {
    const TemporaryFolder folder;
    const auto lines = [&](const std::string& text) {
        write_text(folder / "file", text);
        return read_lines(folder / "file");
    };
    CHECK(lines("").empty());
    CHECK(lines("a") == Strings{"a"});
    CHECK(lines("a\n") == Strings{"a"});
    CHECK(lines("a\r\nb\r\n") == Strings{"a", "b"});
    CHECK(lines("a\n\n\r\nb") == Strings{"a", "", "", "b"});
    CHECK(lines("a\rb\n") == Strings{"a\rb"});  // a bare CR is no end
    CHECK(lines("\xEF\xBB\xBFimage,label\nx") == Strings{"image,label", "x"});
    CHECK(lines("x\n\xEF\xBB\xBFy") == Strings{"x", "\xEF\xBB\xBFy"});  // a mark at the beginning alone
    CHECK(lines(std::string("a\0b\n", 4)) == Strings{std::string("a\0b", 3)});
    CHECK_THROWS_AS(read_lines(folder / "none"), IoError);
    CHECK_THROWS_AS(read_lines(folder.path()), InputError);
}

TEST_CASE("Fields may be quoted, hold the separator and quotes", "[csv]") {
    CHECK(split_fields("", ',') == Strings{""});
    CHECK(split_fields("a", ',') == Strings{"a"});
    CHECK(split_fields(",", ',') == Strings{"", ""});
    CHECK(split_fields("a,,b,", ',') == Strings{"a", "", "b", ""});
    CHECK(split_fields("a|b,c", '|') == Strings{"a", "b,c"});
    CHECK(split_fields("\"a,b\",c", ',') == Strings{"a,b", "c"});
    CHECK(split_fields("\"say \"\"yes\"\"\",x", ',') == Strings{"say \"yes\"", "x"});
    CHECK(split_fields("\"\",\"\"\"\"", ',') == Strings{"", "\""});
    CHECK(split_fields("\"never closed,b", ',') == Strings{"never closed,b"});
    CHECK(split_fields(" a , b ", ',') == Strings{" a ", " b "});
}

TEST_CASE("A field that is written is read back", "[csv]") {
    CHECK(csv_field("plain text") == "plain text");
    CHECK(csv_field("") == "");
    CHECK(csv_field("a,b") == "\"a,b\"");
    CHECK(csv_field("\"") == "\"\"\"\"");
    for (const std::string text :
         {"", "a", "a,b", "\"", "a\"\"b", ",\",", "say \"no\", twice", "two\nlines", "cr\rlf\n"}) {
        const Strings fields = split_fields(csv_field(text) + "," + csv_field("next"), ',');
        CHECK(fields == Strings{text, "next"});
    }
}
