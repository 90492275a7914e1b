#include "data/formats/csv.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
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
    CHECK(lines("a\rb\n") == Strings{"a", "b"});
    CHECK(lines("a\r\rb") == Strings{"a", "", "b"});
    CHECK(lines("\xEF\xBB\xBFimage,label\nx") == Strings{"image,label", "x"});
    CHECK(lines("x\n\xEF\xBB\xBFy") == Strings{"x", "\xEF\xBB\xBFy"});  // a mark at the beginning alone
    CHECK_THROWS_AS(lines(std::string("a\0b\n", 4)), InputError);
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

namespace {

/// A table that a test writes.
class Written {
public:
    explicit Written(const std::string& text) { write_text(folder_ / "table.csv", text); }
    TableFile file(TableFile::Heading heading = TableFile::Heading::names) const {
        return TableFile(folder_ / "table.csv", heading);
    }
    std::vector<Strings> rows(TableFile::Heading heading = TableFile::Heading::names) const {
        std::vector<Strings> rows;
        file(heading).for_each_row([&](TableRow& row) { rows.push_back(row.cells); });
        return rows;
    }
    std::vector<std::size_t> lines() const {
        std::vector<std::size_t> lines;
        file().for_each_row([&](TableRow& row) { lines.push_back(row.line); });
        return lines;
    }
    std::string refusal() const {
        try {
            rows();
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    }

private:
    TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("Tables are read whatever separates their cells and ends their lines", "[csv]") {
    for (const std::string separator : {",", ";", "\t"})
        for (const std::string end : {"\n", "\r\n", "\r"}) {
            const Written table("a" + separator + " b " + end + "1" + separator + "x" + end + end + "2" + separator);
            CHECK(table.file().header() == Strings{"a", "b"});
            CHECK(table.rows() == std::vector<Strings>{{"1", "x"}, {"2", ""}});
            CHECK(table.lines() == std::vector<std::size_t>{2, 4});
        }
    CHECK(Written("a;b,c;d\n").file().form() == "separated by semicolons");
    CHECK(Written("alone\n1\n").rows() == std::vector<Strings>{{"1"}});
    CHECK(Written("a,b\n1,2\n").rows(TableFile::Heading::none) == std::vector<Strings>{{"a", "b"}, {"1", "2"}});
}

TEST_CASE("Quoted cells hold separators, line ends and quotes (RFC 4180)", "[csv]") {
    const Written table("\"a;1\",b,c\n\"x\ny\", \"z\" ,\"say \"\"no\"\"\"\n1,2\" long,3\n\"\r\n\",,\"\"\n");
    CHECK(table.file().header() == Strings{"a;1", "b", "c"});
    CHECK(table.rows() == std::vector<Strings>{{"x\ny", "z", "say \"no\""}, {"1", "2\" long", "3"}, {"\r\n", "", ""}});
    CHECK(table.lines() == std::vector<std::size_t>{2, 4, 5});
}

TEST_CASE("Tables that are none are refused with file and line", "[csv]") {
    CHECK_THAT(Written("").refusal(), contains("table.csv is empty"));
    CHECK_THAT(Written("\n\r\n").refusal(), contains("is empty"));
    CHECK_THAT(Written("a,b\n1,\"2\n3\n").refusal(), contains("table.csv:2: a quote that is not closed"));
    CHECK_THAT(Written("a,b\n\n1,\"2\"3\n").refusal(),
               contains("table.csv:3: wanted a separator behind the quote, got '3"));
    CHECK_THAT(Written("a,b\n" + std::string(5000, ',')).refusal(), contains(":2: more than 4096 cells"));
    CHECK_THAT(Written("a,b\n1," + std::string((1 << 20) + 1, 'x')).refusal(), contains("a cell of more than 1048576"));
    CHECK_THAT(Written("a,b\n1,\"" + std::string((1 << 20) + 1, 'x') + "\"").refusal(),
               contains("a cell of more than"));
}

TEST_CASE("Columns are found by name, in any case and with other punctuation", "[csv]") {
    const Written table("Image Index,patient_id,Follow-up #,patient id\n");
    const TableFile file = table.file();
    CHECK(file.find("image index") == 0);
    CHECK(file.find("IMAGE_INDEX") == 0);
    CHECK(file.find("patient_id") == 1);  // the very name outdoes those alike
    CHECK(file.find("Followup") == 2);
    CHECK_FALSE(file.find("image"));
    CHECK_FALSE(file.find("#"));
    CHECK_THROWS_AS(file.find("Patient ID"), InputError);
}

TEST_CASE("Blanks around a text are cut off, and texts split", "[csv]") {
    CHECK(trimmed("\xC2\xA0 a b\t\n") == "a b");
    CHECK(trimmed(" \t ").empty());
    CHECK(split_text("a||b", '|') == Strings{"a", "", "b"});
    CHECK(split_text("", '|') == Strings{""});
}

TEST_CASE("A field that is written is read back", "[csv]") {
    CHECK(csv_field("plain text") == "plain text");
    CHECK(csv_field("") == "");
    CHECK(csv_field("a,b") == "\"a,b\"");
    CHECK(csv_field("\"") == "\"\"\"\"");
    for (const std::string text :
         {"", "a", "a,b", "\"", "a\"\"b", ",\",", "say \"no\", twice", "two\nlines", "cr\rlf\n", " blanks ", "a;b"}) {
        CHECK(Written("a,b\n" + csv_field(text) + "," + csv_field("next")).rows() ==
              std::vector<Strings>{{text, "next"}});
        CHECK(split_fields(csv_field(text) + "," + csv_field("next"), ',') == Strings{text, "next"});
    }
}
