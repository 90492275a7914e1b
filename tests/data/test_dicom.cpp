// DICOM images that the tests write: each way of writing elements and pixels, and the chain from values to grey levels
// against its formulas.
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "data/formats/decode.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr DecodeOptions kDeep{.keep_16_bits = true};

std::vector<int> levels(const DicomWriter::Bytes& file, const DecodeOptions& options = kDeep) {
    const Image image = decode_image(file, 0, "x", options);
    REQUIRE(image.channels == 1);
    std::vector<int> all;
    for (std::size_t i = 0; i < image.samples(); ++i)
        all.push_back(image.bits == 16 ? image.row16(0)[i] : image.pixels[i]);
    return all;
}

/// What the values become by a function onto 0 to 1.
std::vector<int> expected(const std::vector<int>& values, const std::function<double(double)>& share) {
    std::vector<int> all;
    for (const int value : values)
        all.push_back(static_cast<int>(std::lround(65535 * std::clamp(share(value), 0.0, 1.0))));
    return all;
}

DicomWriter grey_file(const std::vector<int>& values, int stored, bool is_signed = false) {
    DicomWriter writer;
    writer.grey(static_cast<int>(values.size()), 1, stored, is_signed);
    writer.pixels(values);
    return writer;
}

DicomWriter::Bytes deflated(const DicomWriter::Bytes& bytes) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    DicomWriter::Bytes packed(bytes.size() + 1000);
    stream.next_in = const_cast<Bytef*>(bytes.data());
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = packed.data();
    stream.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

DicomWriter lut_item(const std::vector<int>& descriptor, const std::vector<int>& entries) {
    DicomWriter item;
    item.words(0x00283002, "US", descriptor);
    item.words(0x00283006, "US", entries);
    return item;
}

const std::vector<int> kSigned{-32768, -2000, -1024, -1, 0, 1, 500, 1024, 32767};

}  // namespace

TEST_CASE("DICOM: each way of writing elements gives the same image", "[dicom]") {
    const std::vector<int> values{0, 1, 255, 256, 1000, 4095};
    const std::vector<int> want = expected(values, [](double v) { return v / 4095; });
    struct Way {
        const char* syntax;
        bool explicit_vr, big_endian;
    };
    for (const Way& way : {Way{"1.2.840.10008.1.2", false, false}, Way{"1.2.840.10008.1.2.1", true, false},
                           Way{"1.2.840.10008.1.2.2", true, true}, Way{"1.2.840.10008.1.2.1.99", true, false}}) {
        for (const bool header : {true, false}) {
            for (const bool open_sequences : {true, false}) {
                const bool deflate = std::string(way.syntax).ends_with("99");
                if (deflate && !header) continue;  // nothing would say so
                DicomWriter writer;
                writer.explicit_vr = way.explicit_vr;
                writer.big_endian = way.big_endian;
                writer.syntax = way.syntax;
                writer.header = header;
                writer.open_sequences = open_sequences;
                writer.grey(3, 2, 12);
                writer.pixels(values);
                writer.text(0x00080005, "CS", "ISO_IR 100");
                DicomWriter code = writer;  // holds elements of the same tags, which must not be taken for the image's
                code.word(0x00280010, 99);
                DicomWriter item = code;
                item.sequence(0x00081140, {&code, &code});
                writer.sequence(0x00081140, {&item});
                writer.sequence(0x00081115, {});
                INFO(way.syntax << " header " << header << " open " << open_sequences);
                CHECK(levels(deflate ? writer.file(deflated(writer.data_set())) : writer.file()) == want);
            }
        }
    }
}

TEST_CASE("DICOM: a data set written otherwise than declared is read as it is written", "[dicom]") {
    DicomWriter writer = grey_file({0, 65535}, 16);
    writer.syntax = "1.2.840.10008.1.2";  // implicit, but it is explicit
    CHECK(levels(writer.file()) == std::vector<int>{0, 65535});
}

TEST_CASE("DICOM: 8 bits stay what they are, in either byte order", "[dicom]") {
    for (const bool big : {false, true}) {
        DicomWriter writer;
        writer.big_endian = big;
        if (big) writer.syntax = "1.2.840.10008.1.2.2";
        writer.grey(3, 1, 8, false, 8);
        writer.words(0x7FE00010, "OW", {0x0201, 0x00FF});  // words of two pixels, the first in the low byte
        const Image image = decode_image(writer.file(), 0, "x", kDeep);
        CHECK(image.bits == 8);
        CHECK(image.pixels == std::vector<std::uint8_t>{1, 2, 255});
        CHECK(probe_image(writer.file(), "x").bits == 8);
        writer.text(0x00280004, "CS", "MONOCHROME1");
        CHECK(decode_image(writer.file(), 0, "x", kDeep).pixels == std::vector<std::uint8_t>{254, 253, 0});
        writer.text(0x00281050, "DS", "100");
        writer.text(0x00281051, "DS", "50");
        CHECK(decode_image(writer.file(), 0, "x", kDeep).bits == 16);  // a window's levels are no 8 bits
    }
}

TEST_CASE("DICOM: signed values, bits above and below those stored", "[dicom]") {
    CHECK(levels(grey_file(kSigned, 16, true).file()) ==
          expected(kSigned, [](double v) { return (v + 32768) / 65535; }));
    const std::vector<int> twelve{-2048, -1, 0, 2047};
    CHECK(levels(grey_file(twelve, 12, true).file()) == expected(twelve, [](double v) { return (v + 2048) / 4095; }));
    // An overlay in the four highest bits.
    CHECK(levels(grey_file({0xF000, 0x5FFF, 0xA123}, 12).file()) ==
          expected({0, 0xFFF, 0x123}, [](double v) { return v / 4095; }));
    DicomWriter high = grey_file({0x0FFF, 0xFFF0, 0x1230}, 12);
    high.word(0x00280102, 15);
    CHECK(levels(high.file()) == expected({0x0FF, 0xFFF, 0x123}, [](double v) { return v / 4095; }));
}

TEST_CASE("DICOM: a rescale and a window, of each function", "[dicom]") {
    DicomWriter writer = grey_file(kSigned, 16, true);
    writer.text(0x00281052, "DS", "-1024");
    writer.text(0x00281053, "DS", "+2.5 ");
    const auto modality = [](double v) { return 2.5 * v - 1024; };
    CHECK(levels(writer.file()) == expected(kSigned, [](double v) { return (v + 32768) / 65535; }));
    writer.text(0x00281050, "DS", "40.5\\900");  // the first of two
    writer.text(0x00281051, "DS", "400\\1");
    CHECK(levels(writer.file()) == expected(kSigned, [&](double v) { return (modality(v) - 40) / 399 + 0.5; }));
    writer.text(0x00281056, "CS", "LINEAR_EXACT");
    CHECK(levels(writer.file()) == expected(kSigned, [&](double v) { return (modality(v) - 40.5) / 400 + 0.5; }));
    writer.text(0x00281056, "CS", "SIGMOID");
    CHECK(levels(writer.file()) ==
          expected(kSigned, [&](double v) { return 1 / (1 + std::exp(-4 * (modality(v) - 40.5) / 400)); }));
    writer.text(0x00281056, "CS", "CUBIC");
    CHECK_THAT(refusal_of_image(writer.file()), contains("VOI LUT Function"));
    writer.remove(0x00281056);
    writer.text(0x00281053, "DS", "-1");  // a slope that turns the values around
    writer.remove(0x00281050);
    CHECK(levels(writer.file()) == expected(kSigned, [](double v) { return (32767 - v) / 65535; }));
    writer.text(0x00281050, "DS", "forty");
    CHECK_THAT(refusal_of_image(writer.file()), contains("(0028,1050) wants a number"));
    CHECK(refusal_of_image(writer.file()).find("forty") == std::string::npos);
    writer.text(0x00281050, "DS", "40");
    writer.text(0x00281051, "DS", "0");
    CHECK_THAT(refusal_of_image(writer.file()), contains("a width of at least 1"));
}

TEST_CASE("DICOM: a window that is asked for takes the place of the file's", "[dicom]") {
    const std::vector<int> values{0, 1000, 1500, 2000, 4095};
    DicomWriter writer = grey_file(values, 12);
    DecodeOptions options = kDeep;
    options.reading.window = {1000.5F, 1001};
    const auto want = expected(values, [](double v) { return (v + 500 - 1000) / 1000 + 0.5; });
    writer.text(0x00281052, "DS", "500");
    CHECK(levels(writer.file(), options) == want);
    writer.text(0x00281050, "DS", "40");
    writer.text(0x00281051, "DS", "400");
    writer.text(0x00281056, "CS", "SIGMOID");
    CHECK(levels(writer.file(), options) == want);
    const DicomWriter table = lut_item({3, 10, 10}, {100, 500, 1023});
    writer.sequence(0x00283010, {&table});
    CHECK(levels(writer.file(), options) == want);
}

TEST_CASE("DICOM: a window of width 1 is a threshold", "[dicom]") {
    DicomWriter writer = grey_file({9, 10, 11}, 16);
    writer.text(0x00281050, "DS", "10.5");
    writer.text(0x00281051, "DS", "1");
    CHECK(levels(writer.file()) == std::vector<int>{0, 0, 65535});
}

TEST_CASE("DICOM: MONOCHROME1 is inverted once, whatever the presentation LUT repeats", "[dicom]") {
    const std::vector<int> values{0, 100, 4095};
    const auto plain = [](double v) { return v / 4095; };
    const auto inverted = [](double v) { return 1 - v / 4095; };
    DicomWriter writer = grey_file(values, 12);
    CHECK(levels(writer.file()) == expected(values, plain));
    writer.text(0x20500020, "CS", "IDENTITY");
    CHECK(levels(writer.file()) == expected(values, plain));
    writer.text(0x20500020, "CS", "INVERSE");
    CHECK(levels(writer.file()) == expected(values, inverted));
    writer.text(0x00280004, "CS", "MONOCHROME1");
    CHECK(levels(writer.file()) == expected(values, inverted));
    writer.remove(0x20500020);
    CHECK(levels(writer.file()) == expected(values, inverted));
}

TEST_CASE("DICOM: modality and VOI lookup tables", "[dicom]") {
    const std::vector<int> values{0, 9, 10, 11, 12, 4095};
    DicomWriter writer = grey_file(values, 12);
    const DicomWriter voi = lut_item({3, 10, 10}, {100, 500, 1023}), other = lut_item({1, 0, 16}, {7});
    writer.text(0x00281050, "DS", "40");  // the table comes first
    writer.text(0x00281051, "DS", "400");
    writer.sequence(0x00283010, {&voi, &other});
    const auto of_voi = [](double x) { return (x <= 10 ? 100 : x == 11 ? 500 : 1023) / 1023.0; };
    CHECK(levels(writer.file()) == expected(values, of_voi));
    const DicomWriter modality = lut_item({2, 11, 8}, {12, 10});  // up to 11 it gives 12, from 12 on 10
    writer.sequence(0x00283000, {&modality});
    CHECK(levels(writer.file()) == expected(values, [&](double v) { return of_voi(v <= 11 ? 12 : 10); }));
    writer.sequence(0x00283010, {});
    writer.remove(0x00281050);
    CHECK(levels(writer.file()) == expected(values, [](double v) { return (v <= 11 ? 12 : 10) / 255.0; }));
}

TEST_CASE("DICOM: a lookup table of 8 bits in bytes, of signed values, and ones that are damaged", "[dicom]") {
    DicomWriter writer = grey_file({-5, -2, -1, 0, 3}, 16, true);
    DicomWriter item;
    item.words(0x00283002, "SS", {4, -2, 8});
    item.put(0x00283006, "OW", {0, 50, 100, 255});
    writer.sequence(0x00283010, {&item});
    CHECK(levels(writer.file()) == std::vector<int>{0, 0, 50 * 257, 100 * 257, 65535});
    item.words(0x00283002, "SS", {6, -2, 8});
    writer.sequence(0x00283010, {&item});
    CHECK_THAT(refusal_of_image(writer.file()), contains("does not fit its descriptor"));
    item.remove(0x00283002);
    writer.sequence(0x00283010, {&item});
    CHECK_THAT(refusal_of_image(writer.file()), contains("without its descriptor"));
}

TEST_CASE("DICOM: padding is black, also where low values are white", "[dicom]") {
    const std::vector<int> values{-2000, -1999, -1000, 0, 500};
    DicomWriter writer = grey_file(values, 16, true);
    writer.word(0x00280120, -2000, "SS");
    writer.text(0x00280004, "CS", "MONOCHROME1");
    std::vector<int> want = expected(values, [](double v) { return 1 - (v + 32768) / 65535; });
    want[0] = 0;
    CHECK(levels(writer.file()) == want);
    writer.word(0x00280121, -1000, "SS");
    want[1] = want[2] = 0;
    CHECK(levels(writer.file()) == want);
}

TEST_CASE("DICOM: the window and spacing of an enhanced object of one frame", "[dicom]") {
    DicomWriter writer = grey_file({0, 100, 200}, 12), window, transform, measures, group;
    writer.text(0x00280008, "IS", "1");
    window.text(0x00281050, "DS", "1100.5");
    window.text(0x00281051, "DS", "201");
    transform.text(0x00281052, "DS", "1000");
    transform.text(0x00281053, "DS", "1");
    measures.text(0x00280030, "DS", "0.5\\0.25");
    group.sequence(0x00289132, {&window});
    group.sequence(0x00289145, {&transform});
    group.sequence(0x00289110, {&measures});
    writer.sequence(0x52009229, {&group});
    CHECK(levels(writer.file()) == expected({0, 100, 200}, [](double v) { return (v + 1000 - 1100) / 200 + 0.5; }));
    const PixelSpacing spacing = probe_image(writer.file(), "x").spacing;
    CHECK((spacing.vertical == 0.5 && spacing.horizontal == 0.25));
}

TEST_CASE("DICOM: pixel spacing is kept, that of the detector where there is no other", "[dicom]") {
    DicomWriter writer = grey_file({0}, 12);
    CHECK_FALSE(probe_image(writer.file(), "x").spacing.known());
    writer.text(0x00181164, "DS", "0.139\\0.14");
    CHECK(probe_image(writer.file(), "x").spacing.horizontal == 0.14);
    writer.text(0x00280030, "DS", "0.1\\0.2");
    CHECK(probe_image(writer.file(), "x").spacing.vertical == 0.1);
    writer.text(0x00280030, "DS", "0.1");  // half of it is nothing
    CHECK(probe_image(writer.file(), "x").spacing.vertical == 0.139);
}

TEST_CASE("DICOM: what is no single grey image is refused by what it is", "[dicom]") {
    const auto changed = [](const std::function<void(DicomWriter&)>& change) {
        DicomWriter writer = grey_file({1, 2, 3, 4, 5, 6}, 16);
        change(writer);
        return refusal_of_image(writer.file());
    };
    const auto object = [&](const char* uid) {
        return changed([&](DicomWriter& w) {
            w.text(0x00080016, "UI", uid);
            w.remove(0x7FE00010);
        });
    };
    CHECK_THAT(object("1.2.840.10008.5.1.4.1.1.88.33"), contains("no image, but a structured report"));
    CHECK_THAT(object("1.2.840.10008.5.1.4.1.1.104.1"), contains("no image, but a document"));
    CHECK_THAT(object("1.2.840.10008.5.1.4.1.1.481.3"), contains("no image, but a radiotherapy object"));
    CHECK_THAT(object("1.2.840.10008.5.1.4.1.1.9.1.1"), contains("no image, but a waveform"));
    CHECK_THAT(object("1.2.3"), contains("a DICOM file without pixels"));
    CHECK_THAT(changed([](DicomWriter& w) { w.text(0x00280008, "IS", "30"); }), contains("of several frames"));
    CHECK_THAT(changed([](DicomWriter& w) { w.text(0x00280008, "IS", "1A"); }), contains("(0028,0008) wants a number"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280002, 3); }), contains("that is not grey"));
    CHECK_THAT(changed([](DicomWriter& w) { w.text(0x00280004, "CS", "PALETTE COLOR"); }),
               contains("that is not grey"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280100, 32); }), contains("32 bits are allocated"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280100, 1); }), contains("1 bits are allocated"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280101, 17); }), contains("contradict"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280102, 3); }), contains("contradict"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280010, 2); }), contains("truncated pixels"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280010, 0); }), contains("without rows"));
    CHECK_THAT(changed([](DicomWriter& w) { w.word(0x00280011, 60000); }), contains("at most 16384 a side"));
    CHECK_THAT(changed([](DicomWriter& w) { w.put(0x7FE00008, "OF", {0, 0, 0, 0}); }), contains("floating-point"));
    CHECK_THAT(changed([](DicomWriter& w) { w.syntax = "1.2.840.10008.1.2.4.100"; }),
               contains("transfer syntax 1.2.840.10008.1.2.4.100 is not supported"));
    CHECK_THAT(changed([](DicomWriter& w) { w.syntax = "\x1B[31m"; }), contains("an unreadable UID is not supported"));
    CHECK_THAT(changed([](DicomWriter& w) { w.syntax = "1.2.840.10008.1.2.5"; }), contains("are not encapsulated"));
    CHECK_THAT(changed([](DicomWriter& w) { w.encapsulate({{1, 2}}); }), contains("are encapsulated"));
}

TEST_CASE("DICOM: a file that is cut anywhere is refused", "[dicom]") {
    DicomWriter writer = grey_file({1, 2, 3}, 12);
    DicomWriter item = lut_item({3, 10, 10}, {100, 500, 1023});
    for (const bool open : {false, true}) {
        writer.open_sequences = item.open_sequences = open;
        writer.sequence(0x00283010, {&item});
        const DicomWriter::Bytes file = writer.file();
        REQUIRE(refusal_of_image(file).empty());
        for (std::size_t keep = 0; keep < file.size(); ++keep)
            CHECK_FALSE(refusal_of_image({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(keep)}).empty());
    }
}

TEST_CASE("DICOM: sequences without end, too deep, or of something else", "[dicom]") {
    DicomWriter writer = grey_file({1}, 16);
    DicomWriter::Bytes deep;
    for (int i = 0; i < 100'000; ++i) {
        const std::uint8_t level[] = {0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF,  // an open item
                                      0x08, 0x00, 0x40, 0x11, 'S',  'Q',  0,    0,    0xFF, 0xFF, 0xFF, 0xFF};
        deep.insert(deep.end(), std::begin(level), std::end(level));
    }
    DicomWriter::Bytes file = writer.file();
    const std::uint8_t open[] = {0x08, 0x00, 0x40, 0x11, 'S', 'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};
    DicomWriter empty;
    DicomWriter::Bytes begin = empty.file();
    begin.insert(begin.end(), std::begin(open), std::end(open));
    DicomWriter::Bytes nested = begin;
    nested.insert(nested.end(), deep.begin(), deep.end());
    CHECK_THAT(refusal_of_image(nested), contains("too deep"));
    DicomWriter::Bytes other = begin;
    other.insert(other.end(), {0x08, 0x00, 0x05, 0x00, 'C', 'S', 0, 0});
    CHECK_THAT(refusal_of_image(other), contains("something else than items"));
    CHECK_THAT(refusal_of_image(begin), contains("truncated DICOM file"));
}

TEST_CASE("DICOM: a deflated data set that is damaged, or never ends", "[dicom]") {
    DicomWriter writer = grey_file({1, 2, 3}, 16);
    writer.syntax = "1.2.840.10008.1.2.1.99";
    const DicomWriter::Bytes packed = deflated(writer.data_set());
    REQUIRE(refusal_of_image(writer.file(packed)).empty());
    CHECK_THAT(refusal_of_image(writer.file({packed.begin(), packed.end() - 3})),
               contains("deflated DICOM data set is damaged"));
    CHECK_THAT(refusal_of_image(writer.file({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})),
               contains("deflated DICOM data set is damaged"));
}
