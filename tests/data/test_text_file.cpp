#include "data/formats/text_file.h"

#include <string>
#include <string_view>

#include <zlib.h>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using namespace std::string_literals;

namespace {

std::string gzip(const std::string& text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string packed(text.size() + 100, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

class Files {
public:
    TextFile read(const std::string& bytes) const {
        write_text(folder_ / "file", bytes);
        return read_text_file(folder_ / "file");
    }
    std::string refusal(const std::string& bytes) const {
        try {
            read(bytes);
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    }

private:
    TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("Texts are read in the encodings that programs save", "[text_file]") {
    const Files files;
    struct Row {
        std::string bytes, text, encoding;
    };
    const std::string umlauts = "\xC3\xA4,\xE2\x82\xAC,\xF0\x9F\x98\x80\n";  // ä,€, and one beyond 16 bits
    const Row rows[] = {
        {"", "", "UTF-8"},
        {"a,b\n", "a,b\n", "UTF-8"},
        {"\xEF\xBB\xBF"
         "a",
         "a", "UTF-8"},
        {umlauts, umlauts, "UTF-8"},
        {"\xFF\xFE"
         "a\0,\0\xAC\x20"s,
         "a,\xE2\x82\xAC", "UTF-16 LE"},
        {"\xFE\xFF\0a\0,\x20\xAC"s, "a,\xE2\x82\xAC", "UTF-16 BE"},
        {"a\0b\0c\0"s, "abc", "UTF-16 LE"},
        {"\0a\0b\0c"s, "abc", "UTF-16 BE"},
        {"\xFF\xFE\x3D\xD8\x00\xDE"s, "\xF0\x9F\x98\x80", "UTF-16 LE"},
        {"caf\xE9\n", "caf\xC3\xA9\n", "ISO 8859-1"},
        {"\xC3", "\xC3\x83", "ISO 8859-1"},
    };
    for (const Row& row : rows) {
        const TextFile file = files.read(row.bytes);
        CHECK((file.text == row.text && file.encoding == row.encoding && !file.compressed));
    }
}

TEST_CASE("Packed texts are unpacked, all their members", "[text_file]") {
    const Files files;
    std::string text;
    for (int i = 0; i < 40'000; ++i) text += std::to_string(i * 7919) + ",";
    const TextFile file = files.read(gzip(text) + gzip("end"));
    CHECK(file.compressed);
    CHECK((file.text == text + "end"));
    CHECK(files.read(gzip("")).text.empty());
    const std::string packed = gzip(text);
    CHECK_THAT(files.refusal(packed.substr(0, packed.size() / 2)), contains("the gzip file is truncated"));
    std::string damaged = packed;
    damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
    CHECK_THAT(files.refusal(damaged), contains("the gzip file is"));
    CHECK_THAT(files.refusal(gzip(std::string(static_cast<std::size_t>(kMaxTextBytes) + 1, 'a'))),
               contains("unpacks to more than"));
}

TEST_CASE("What is no text is refused", "[text_file]") {
    const Files files;
    CHECK_THAT(files.refusal("a,b\0c"s), contains("is no text: byte 3 is zero"));
    CHECK_THAT(files.refusal("\xFF\xFE\0\0a\0\0\0"s), contains("UTF-32"));
    CHECK_THAT(files.refusal("\xFF\xFE"
                             "a"s),
               contains("odd number of bytes"));
    CHECK_THAT(files.refusal("\xFF\xFE\x3D\xD8"
                             "a\0"s),
               contains("damaged UTF-16 at byte 0"));
    CHECK_THAT(files.refusal("\xFF\xFE\x00\xDE"s), contains("damaged UTF-16"));
    CHECK_THROWS_AS(read_text_file("/no/such/file"), IoError);
}
