// What samples of more than 8 bits mean, and that files that use little of their range are found.
#include "data/inspect/brightness.h"

#include "data/formats/decode.h"
#include "data/inspect/check.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

ImageReading depth(int bits) {
    ImageReading reading;
    reading.bit_depth = bits;
    return reading;
}

/// A folder of two classes with ten images each, `deep` of every class 16 bits up to `most`, the others at full range.
void write_set(const TemporaryFolder& scratch, int deep, std::uint32_t most) {
    for (const char* name : {"A", "B"})
        for (int i = 0; i < 10; ++i) {
            const auto seed = static_cast<std::uint64_t>(i + (name[0] == 'A' ? 0 : 100));
            write_bytes(scratch / (std::string(name) + "/" + std::to_string(i) + ".png"),
                        encode_deep_png(deep_noise(9, 8, 1, seed, i < deep ? most : 65535)));
        }
}

std::vector<Remark> warnings_of(const TemporaryFolder& scratch, const ImageReading& reading = {}) {
    DatasetOptions options;
    static_cast<ImageReading&>(options) = reading;
    std::vector<Remark> warnings;
    for (const Remark& remark : describe_images(*open_dataset("folder:" + scratch.path(), options)))
        if (remark.warning) warnings.push_back(remark);
    return warnings;
}

}  // namespace

TEST_CASE("A depth of fewer bits than 16 makes its largest sample white", "[brightness]") {
    for (const int bits : {1, 8, 9, 12, 15}) {
        const Image noise = deep_noise(6, 5, 1, 1, (1U << bits) - 1);
        const Image read = decode_deep(encode_deep_png(noise), depth(bits));
        REQUIRE(read.bits == 32);
        for (std::size_t i = 0; i < 30; ++i)
            CHECK(read.row_f(0)[i] == static_cast<float>(noise.row16(0)[i] / static_cast<double>((1 << bits) - 1)));
    }
    const Image noise = deep_noise(6, 5, 1, 1);
    for (const int bits : {0, 16}) CHECK(decode_deep(encode_deep_png(noise), depth(bits)).pixels == noise.pixels);
    CHECK_THROWS_WITH(decode_deep(encode_deep_png(noise), depth(12), "a.png"),
                      contains("a.png: a sample of") && contains("bit_depth 12 allows 4095 at most"));
    const Image shallow = noise_image(6, 5, 1, 2);
    CHECK(decode_deep(encode_png(shallow), depth(12)).pixels == shallow.pixels);
}

TEST_CASE("rescale says which samples of 16 bits are black and white", "[brightness]") {
    Image image(4, 1, 1, 16);
    for (int i = 0; i < 4; ++i) image.row16(0)[i] = static_cast<std::uint16_t>(1000 * i);
    ImageReading reading;
    reading.rescale = {1000, 3000};
    const Image read = decode_deep(encode_deep_png(image), reading);
    CHECK(std::vector<float>(read.row_f(0), read.row_f(0) + 4) == std::vector<float>{0, 0, 0.5F, 1});
}

TEST_CASE("Old checkpoints' reading rounds to 8 bits", "[brightness]") {
    const Image deep = deep_noise(9, 4, 1, 3);
    const Image read = decode_deep(encode_deep_png(deep, 6), old_reading());
    CHECK((read.bits == 8 && read.width == 9));
    for (std::size_t i = 0; i < 36; ++i)
        CHECK(read.pixels[i] == static_cast<int>(deep.row16(0)[i] * 255.0 / 65535.0 + 0.5));
}

TEST_CASE("A narrow range is one that the brightest sample leaves unused", "[brightness]") {
    Image image(2, 2, 1, 16);
    const auto range = [&](std::uint16_t most) {
        image.row16(0)[3] = most;
        const auto found = narrow_range(image);
        return found ? found->text() : "";
    };
    CHECK(range(4095) == "uses 12 of 16 bits");
    CHECK(range(4096) == "uses 13 of 16 bits");
    CHECK(range(16383) == "uses 14 of 16 bits");
    CHECK(range(16384).empty());
    CHECK(range(0) == "uses 1 of 16 bits");
    Image shallow(2, 1, 1);
    shallow.pixels = {1, 16};
    CHECK(narrow_range(shallow)->text() == "has samples up to 16 of 255");
    shallow.pixels = {1, 17};
    CHECK(!narrow_range(shallow));
    Image floats(2, 1, 1, 32);
    floats.row_f(0)[1] = 0.125F;
    CHECK(narrow_range(floats)->text() == "has samples up to 0.12 of white");
}

TEST_CASE("A set whose images use 12 of 16 bits is found, by a sample of it and by the check", "[brightness]") {
    const TemporaryFolder scratch;
    write_set(scratch, 10, 4095);
    const auto warnings = warnings_of(scratch);
    REQUIRE(warnings.size() == 1);
    CHECK_THAT(warnings[0].text, contains("of 16 images looked at 16 have a narrow range") &&
                                     contains("uses 12 of 16 bits") && contains("--bit-depth 12 makes 4095 white"));
    CHECK(warnings_of(scratch, depth(12)).empty());
    CHECK_THAT(warnings_of(scratch, depth(16)).at(0).text, contains("uses 12 of 16 bits"));
    CHECK_THAT(warnings_of(scratch, depth(15)).at(0).text, contains("the range that was given is too wide"));
    CHECK_THAT(warnings_of(scratch, old_reading()).at(0).text, contains("--keep-16-bits --bit-depth N"));
    const CheckReport report = check_dataset(*open_dataset("folder:" + scratch.path()), 2);
    CHECK(report.count(FindingKind::narrow_range) == 20);
    CHECK(report.good());
}

TEST_CASE("A dark image or two are no reason to warn, a mixture of depths is", "[brightness]") {
    const TemporaryFolder few, many;
    write_set(few, 1, 4095);
    write_set(many, 5, 4095);
    CHECK(warnings_of(few).empty());
    CHECK(warnings_of(many).size() == 1);
}

TEST_CASE("Files of several formats are counted, and those that are not turned found", "[brightness]") {
    const TemporaryFolder scratch;
    for (const char* name : {"A/1.png", "A/2.PNG", "B/3.png"})
        write_bytes(scratch / name, encode_deep_png(deep_noise(8, 6, 1, 1), 6));
    write_bytes(scratch / "B/4.pgm", encode_pnm(deep_noise(8, 6, 1, 2), 65535));
    const auto dataset = open_dataset("folder:" + scratch.path());
    const auto remarks = describe_images(*dataset);
    REQUIRE(remarks.size() == 1);
    CHECK(!remarks[0].warning);
    CHECK(remarks[0].text == "image files by ending: 1 pgm, 3 png");
    DatasetOptions options;
    options.exif_rotation = false;
    const auto stored = open_dataset("folder:" + scratch.path(), options);
    CHECK_THAT(describe_images(*stored).at(1).text,
               contains("of 4 images looked at 3 are not turned as EXIF says (exif_rotation is false)"));
    CHECK(check_dataset(*stored, 2).count(FindingKind::not_turned) == 3);
    CHECK(check_dataset(*dataset, 2).count(FindingKind::not_turned) == 0);
}
