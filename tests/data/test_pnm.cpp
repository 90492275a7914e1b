#include "data/formats/decode.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

FileBytes text_file(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("PGM and PPM of 8 and 16 bits come back exactly", "[pnm]") {
    for (const int channels : {1, 3}) {
        const Image shallow = noise_image(7, 5, channels, 1), deep = deep_noise(7, 5, channels, 2);
        const Image read = decode_deep(encode_pnm(shallow, 255));
        CHECK((read.bits == 8 && read.channels == channels && read.pixels == shallow.pixels));
        const FileBytes file = encode_pnm(deep, 65535);
        CHECK(probe_image(file, "x").bits == 16);
        const Image read16 = decode_deep(file);
        CHECK((read16.bits == 16 && read16.pixels == deep.pixels));
    }
}

TEST_CASE("PGM as text, with comments anywhere", "[pnm]") {
    const Image grey = decode_deep(text_file("P2 # a\n3 2#b\n 9\n0 1 2 # c\n7 8 9"));
    CHECK((grey.width == 3 && grey.height == 2 && grey.channels == 1));
    CHECK(grey.pixels == FileBytes{0, 28, 57, 198, 227, 255});  // round(v * 255 / 9)
    CHECK(decode_deep(text_file("P3\n1 1\n255\n1 2 3\n")).pixels == FileBytes{1, 2, 3});
}

TEST_CASE("A PGM says itself what is white", "[pnm]") {
    const Image deep = deep_noise(6, 4, 1, 3, 4095);
    const Image read = decode_deep(encode_pnm(deep, 4095));
    REQUIRE(read.bits == 32);
    for (std::size_t i = 0; i < deep.samples(); ++i)
        CHECK(read.row_f(0)[i] == static_cast<float>(deep.row16(0)[i] / 4095.0));
}

TEST_CASE("PGM files that are cut off or contradict themselves", "[pnm]") {
    const FileBytes whole = encode_pnm(noise_image(5, 4, 3, 4), 255);
    for (std::size_t keep = 0; keep < whole.size(); ++keep)
        CHECK_THROWS_AS(decode_deep(std::span(whole).first(keep)), InputError);
    for (const auto& [text, message] : {std::pair{"P2\n2 2\n255\n1 2 3", "truncated PGM or PPM file"},
                                        {"P2\n2 1\n255\n1 x", "no number"},
                                        {"P2\n2 1\n9\n1 10", "above its maximum"},
                                        {"P5\n1 1\n100\n\xFF", "above its maximum"},
                                        {"P5\n1 1\n0\n\1", "damaged PGM or PPM header"},
                                        {"P5\n1 1\n65536\n\1\1", "damaged PGM or PPM header"},
                                        {"P5\n-1 1\n255\n\1", "damaged PGM or PPM header"},
                                        {"P5\n99999 99999\n255\n\1", "at most 16384 a side"},
                                        {"P5\n16000 6000\n255\n\1", "truncated PGM or PPM file"},
                                        {"P5\n999999999999 1\n255\n\1", "damaged PGM or PPM header"}}) {
        INFO(text);
        CHECK_THROWS_WITH(decode_deep(text_file(text)), contains(message));
    }
}
