// Compressed pixels in DICOM files that need no library of their own.
#include "data/formats/decode.h"
#include "data/formats/dicom/codec.h"
#include "kernels/error.h"
#include "tests/data/dicom_streams.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr const char* kRle = "1.2.840.10008.1.2.5";
constexpr const char* kJpegBaseline = "1.2.840.10008.1.2.4.50";

/// A file of 16 bits, or 8, whose pixels are the fragments.
DicomWriter::Bytes file_of(const char* syntax, int width, int height, int bits, const std::vector<Stream>& fragments) {
    DicomWriter writer;
    writer.syntax = syntax;
    writer.grey(width, height, bits, false, bits);
    writer.encapsulate(fragments);
    return writer.file();
}

std::vector<int> pixels_of(const Image& image) {
    std::vector<int> all;
    for (std::size_t i = 0; i < image.samples(); ++i)
        all.push_back(image.bits == 16 ? image.row16(0)[i] : image.pixels[i]);
    return all;
}

}  // namespace

TEST_CASE("DICOM: RLE of 8 and of 16 bits, in one fragment and in several", "[dicom]") {
    std::vector<int> values;
    for (int i = 0; i < 40 * 30; ++i) values.push_back(i % 7 < 4 ? 0x1234 : i * 37 % 65536);
    for (const int bits : {8, 16}) {
        std::vector<int> want = values;
        for (int& value : want) value &= (1 << bits) - 1;
        const Stream stream = encode_rle(values, bits);
        const auto half = stream.begin() + static_cast<std::ptrdiff_t>(stream.size() / 4 * 2);
        const std::vector<Stream> whole{stream}, parts{Stream(stream.begin(), half), Stream(half, stream.end())};
        for (const std::vector<Stream>& fragments : {whole, parts}) {
            const Image image = decode_image(file_of(kRle, 40, 30, bits, fragments), 0, "x", {.keep_16_bits = true});
            CHECK(image.bits == bits);
            CHECK(pixels_of(image) == want);
        }
    }
}

TEST_CASE("DICOM: damaged RLE", "[dicom]") {
    const std::vector<int> values(600, 500);
    const Stream good = encode_rle(values, 16);
    const auto with = [&](const Stream& stream) { return refusal_of_image(file_of(kRle, 30, 20, 16, {stream})); };
    REQUIRE(with(good).empty());
    for (std::size_t keep = 0; keep + 2 < good.size(); keep += 2)
        CHECK_FALSE(with({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(keep)}).empty());
    Stream changed = good;
    changed[0] = 3;
    CHECK_THAT(with(changed), contains("another number of segments"));
    changed = good;
    changed[8] = 0xFF, changed[11] = 0xFF;
    CHECK_THAT(with(changed), contains("outside the data"));
    changed = good;
    changed[4] = 0;
    CHECK_THAT(with(changed), contains("outside the data"));
    CHECK_THAT(refusal_of_image(file_of(kRle, 16384, 6000, 16, {good})), contains("truncated RLE data"));
    CHECK_THAT(refusal_of_image(file_of(kRle, 30, 20, 16, {})), contains("another number of segments"));
}

TEST_CASE("DICOM: JPEG in color, and what is no JPEG", "[dicom]") {
    const Image grey = noise_image(24, 16, 1, 5);
    const Bytes jpeg = encode_jpeg(convert_channels(grey, 3, "x"));  // stb writes color alone
    CHECK_THAT(refusal_of_image(file_of(kJpegBaseline, 24, 16, 8, {jpeg})), contains("or in color"));
    CHECK_THAT(refusal_of_image(file_of(kJpegBaseline, 24, 16, 8, {{1, 2, 3, 4}})), contains("damaged JPEG header"));
}

TEST_CASE("DICOM: what a build lacks is said when it is wanted", "[dicom]") {
    if (dicom::has_dicom_codecs()) return;
    const Stream stream = encode_lossless_jpeg({1, 2, 3, 4}, 2, 16);
    CHECK_THAT(refusal_of_image(file_of("1.2.840.10008.1.2.4.70", 2, 2, 16, {stream})),
               contains("which this Keel was built without"));
}
