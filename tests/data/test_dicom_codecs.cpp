// Compressed pixels in DICOM files that libraries decode. Left out of builds without them.
#include "data/formats/decode.h"
#include "data/formats/dicom/codec.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/data/dicom_streams.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr const char* kLossless = "1.2.840.10008.1.2.4.70";
constexpr const char* kJpegLs = "1.2.840.10008.1.2.4.80";
constexpr const char* kJpeg2000 = "1.2.840.10008.1.2.4.90";
constexpr int kWidth = 64, kHeight = 32;

/// Smooth, with noise, over all of `bits` bits.
std::vector<int> sample_values(int bits, int lowest = 0) {
    std::vector<int> values;
    Random random(1, Draw::bench);
    const int range = 1 << bits;
    for (int y = 0; y < kHeight; ++y)
        for (int x = 0; x < kWidth; ++x)
            values.push_back(
                lowest + std::min(range - 1, (x * y * range) / (kWidth * kHeight) + static_cast<int>(random.below(9))));
    values[0] = lowest;
    values[1] = lowest + range - 1;
    return values;
}

DicomWriter::Bytes file_of(const char* syntax, int bits, const Stream& stream, bool is_signed = false) {
    DicomWriter writer;
    writer.syntax = syntax;
    writer.grey(kWidth, kHeight, bits, is_signed, bits <= 8 ? 8 : 16);
    writer.encapsulate({stream});
    return writer.file();
}

/// The file of the same pixels without compression.
DicomWriter::Bytes raw_file(int bits, const std::vector<int>& values, bool is_signed = false) {
    DicomWriter writer;
    writer.grey(kWidth, kHeight, bits, is_signed);
    writer.pixels(values);
    return writer.file();
}

Image decode(const DicomWriter::Bytes& file, LeastSize least = {}) {
    return decode_image(file, 0, "x", {.least = least, .keep_16_bits = true});
}

bool refused(const DicomWriter::Bytes& file) {
    try {
        decode(file);
    } catch (const InputError&) {
        return true;
    }
    return false;
}

}  // namespace

TEST_CASE("DICOM: lossless JPEG, JPEG-LS and JPEG 2000 give the pixels that went in", "[dicom]") {
    for (const int bits : {8, 10, 12, 14, 16}) {
        INFO(bits << " bits");
        const std::vector<int> values = sample_values(bits);
        const Image want = decode(raw_file(bits, values));
        CHECK(decode(file_of(kLossless, bits, encode_lossless_jpeg(values, kWidth, bits))).pixels == want.pixels);
        CHECK(decode(file_of(kJpegLs, bits, encode_jpeg_ls(values, kWidth, bits))).pixels == want.pixels);
        CHECK(decode(file_of(kJpeg2000, bits, encode_jpeg2000(values, kWidth, bits, false))).pixels == want.pixels);
    }
}

TEST_CASE("DICOM: signed values through JPEG 2000, whose own sign may be missing, and through lossless JPEG",
          "[dicom]") {
    for (const int bits : {12, 16}) {
        const std::vector<int> values = sample_values(bits, -(1 << (bits - 1)));
        std::vector<int> words = values;
        for (int& word : words) word &= (1 << bits) - 1;
        const Image want = decode(raw_file(bits, values, true));
        CHECK(decode(file_of(kJpeg2000, bits, encode_jpeg2000(values, kWidth, bits, true), true)).pixels ==
              want.pixels);
        CHECK(decode(file_of(kJpeg2000, bits, encode_jpeg2000(words, kWidth, bits, false), true)).pixels ==
              want.pixels);
        CHECK(decode(file_of(kLossless, bits, encode_lossless_jpeg(words, kWidth, bits), true)).pixels == want.pixels);
    }
}

TEST_CASE("DICOM: JPEG 2000 comes reduced where that is enough", "[dicom]") {
    std::vector<int> values;  // a slope, which the wavelet's low pass leaves as it is at every second pixel
    for (int y = 0; y < kHeight; ++y)
        for (int x = 0; x < kWidth; ++x) values.push_back(40 * x + 30 * y);
    const DicomWriter::Bytes file = file_of(kJpeg2000, 12, encode_jpeg2000(values, kWidth, 12, false, 3));
    const Image whole = decode(file), half = decode(file, {32, 16}), quarter = decode(file, {16, 8});
    CHECK((whole.width == 64 && half.width == 32 && half.height == 16 && quarter.width == 16 && quarter.height == 8));
    CHECK(decode(file, {1, 1}).width == 16);  // the file has three resolutions, no more
    CHECK(decode(file, {33, 1}).width == 64);
    // Lifting rounds once a direction, so that a value is off by less than 2 of 4095; at the edges the slope is
    // mirrored.
    for (int y = 1; y + 1 < half.height; ++y)
        for (int x = 1; x + 1 < half.width; ++x)
            CHECK(std::abs(half.row16(y)[x] - whole.row16(2 * y)[2 * x]) <= 2 * 65535 / 4095);
    DicomWriter padded;  // an average with padding in it means nothing
    padded.syntax = kJpeg2000;
    padded.grey(kWidth, kHeight, 12);
    padded.word(0x00280120, 0);
    padded.encapsulate({encode_jpeg2000(values, kWidth, 12, false, 3)});
    CHECK(decode(padded.file(), {16, 8}).width == 64);
}

TEST_CASE("DICOM: compressed pixels that are cut, damaged or of another size are refused", "[dicom]") {
    const std::vector<int> values = sample_values(12);
    for (const auto& [syntax, stream] : {std::pair{kLossless, encode_lossless_jpeg(values, kWidth, 12)},
                                         std::pair{kJpegLs, encode_jpeg_ls(values, kWidth, 12)},
                                         std::pair{kJpeg2000, encode_jpeg2000(values, kWidth, 12, false)}}) {
        INFO(syntax);
        REQUIRE_FALSE(refused(file_of(syntax, 12, stream)));
        for (const std::size_t keep :
             {std::size_t{0}, std::size_t{3}, std::size_t{20}, std::size_t{60}, stream.size() / 2, stream.size() - 8})
            CHECK(refused(file_of(syntax, 12, {stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(keep)})));
        DicomWriter other;
        other.syntax = syntax;
        other.grey(kHeight, kWidth, 12);
        other.encapsulate({stream});
        CHECK(refused(other.file()));
        Random random(2, Draw::bench);
        for (int i = 0; i < 200; ++i) {  // whatever comes of it, it is an image of that size or a refusal
            Stream changed = stream;
            changed[random.below(static_cast<std::uint32_t>(changed.size()))] ^=
                static_cast<std::uint8_t>(1 + random.below(255));
            const DicomWriter::Bytes file = file_of(syntax, 12, changed);
            if (!refused(file)) CHECK(decode(file).samples() == std::size_t{kWidth} * kHeight);
        }
    }
}

TEST_CASE("DICOM: a JPEG 2000 header that claims a great many tiles is refused", "[dicom]") {
    Stream stream = encode_jpeg2000(sample_values(12), kWidth, 12, false);
    for (std::size_t i = 0; i < 8; ++i) stream[24 + i] = i % 4 == 3 ? 1 : 0;  // tiles of one pixel
    CHECK_NOTHROW(refused(file_of(kJpeg2000, 12, stream)));
    stream[24] = stream[25] = stream[26] = stream[27] = 0;
    CHECK(refused(file_of(kJpeg2000, 12, stream)));
}
