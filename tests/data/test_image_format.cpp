// The table of image formats: what it recognizes, and that all who need it use it.
#include "data/formats/image_format.h"

#include <set>

#include "data/formats/decode.h"
#include "data/sources/sources.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"

using namespace keel;
using namespace keel::test;

namespace {

/// A file of each format, by its name.
Bytes sample_of(const std::string& format, const Image& image) {
    if (format == "PNG") return encode_png(image);
    if (format == "JPEG") return test::encode_jpeg(image);
    if (format == "BMP") return encode_bmp(image);
    if (format == "DICOM") {
        DicomWriter writer;
        writer.grey(image.width, image.height, 8, false, 8);
        writer.put(0x7FE00010, "OW", image.pixels);
        return writer.file();
    }
    if (format == "PGM") return encode_pnm(image, 255);
    if (format == "TIFF") return encode_tiff({.photometric = 2}, tiff_image(image));
    return {};
}

/// Whether the build has no decoder for a format: what stands in for it says so.
bool lacking(const ImageFormat& format, const Bytes& file) {
    try {
        format.header(file, "x");
        return false;
    } catch (const InputError& error) {
        return std::string(error.what()).find("this build of Keel reads no " + std::string(format.name)) !=
               std::string::npos;
    }
}

}  // namespace

TEST_CASE("Every format recognizes, measures and decodes its own files and no other", "[image_format]") {
    for (const ImageFormat* format : kImageFormats) {
        INFO(format->name);
        const int channels = format == &kDicomFormat ? 1 : 3;
        const Image image = noise_image(24, 16, channels, 1);
        const Bytes file = sample_of(format->name, image);
        if (file.empty()) {  // in test_webp.cpp and test_gif.cpp, as far as their libraries are there
            CHECK((format == &kWebpFormat || format == &kGifFormat));
            continue;
        }
        CHECK(find_image_format(file) == format);
        for (const ImageFormat* other : kImageFormats) CHECK(other->matches(file) == (other == format));
        if (lacking(*format, file)) continue;
        const ImageHeader header = format->header(file, "x");
        CHECK((header.width == 24 && header.height == 16 && header.channels == channels && header.bits == 8));
        const Image decoded = format->decode(file, header, {}, "x");
        CHECK((decoded.width == 24 && decoded.height == 16 && decoded.channels == channels && decoded.bits == 8));
        CHECK(decoded.pixels == decode_image(file, 0, "x").pixels);
        CHECK(!format->extensions.empty());
        // The magic alone is not enough, and never too much is read. A TIFF's last four bytes only say that no other
        // page follows.
        const std::size_t needed = file.size() - (format == &kTiffFormat ? 4 : 0);
        for (std::size_t keep = 0; keep < needed; ++keep) {
            const Bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(keep));
            if (const ImageFormat* found = find_image_format(part)) {
                CHECK(found == format);
                CHECK_THROWS_AS(decode_image(part, 0, "x"), InputError);
            }
        }
    }
    CHECK(find_image_format({}) == nullptr);
    CHECK(find_image_format(Bytes{'%', 'P', 'D', 'F', '-', '1', '.', '4', 0, 0, 0, 0, 0, 0, 0}) == nullptr);
}

TEST_CASE("Extensions belong to one format, in any case", "[image_format]") {
    std::set<std::string> all;
    for (const ImageFormat* format : kImageFormats)
        for (const std::string extension : format->extensions) {
            CHECK(all.insert(extension).second);
            CHECK(has_image_extension("a." + extension));
            CHECK(has_image_extension("a.b." + extension));
            std::string upper = extension;
            for (char& c : upper) c = static_cast<char>(std::toupper(c));
            CHECK(has_image_extension("A." + upper));
            CHECK_FALSE(has_image_extension(extension));
            CHECK_FALSE(has_image_extension("." + extension));  // a hidden file without an extension
            CHECK_FALSE(has_image_extension("a." + extension + "x"));
            CHECK_FALSE(has_image_extension("a." + extension + "."));
        }
    CHECK(all == std::set<std::string>{"png", "jpg", "jpeg", "jpe", "jfif", "bmp", "tif", "tiff", "webp", "gif", "pgm",
                                       "ppm", "pnm", "dcm", "dicom", "ima"});
    CHECK_FALSE(has_image_extension(""));
}

TEST_CASE("Messages and listings are made from the table", "[image_format]") {
    CHECK(image_format_names(", ", " or ") == "PNG, JPEG, BMP, DICOM, TIFF, WebP, GIF or PGM");
    CHECK(image_extensions() == "png, jpg, jpeg, jpe, jfif, bmp, dcm, dicom, ima, tif, tiff, webp, gif, pgm, ppm, pnm");
    const TemporaryFolder scratch;
    for (const char* name : {"b.PNG", "a.jpeg", "c.Bmp", "d.jpg", "e.txt", "f", ".png"}) write_text(scratch / name, "");
    std::filesystem::create_directory(scratch / "folder.png");
    CHECK(list_images(scratch.path()) == std::vector<std::string>{"a.jpeg", "b.PNG", "c.Bmp", "d.jpg"});
    try {
        decode_image(Bytes{'t', 'e', 'x', 't'}, 0, "x.png");
        FAIL("a text was decoded");
    } catch (const InputError& error) {
        CHECK(std::string(error.what()) ==
              "[decode] x.png: neither PNG nor JPEG nor BMP nor DICOM nor TIFF nor WebP nor GIF nor PGM");
    }
    try {
        open_dataset("folder:" + scratch.path());
        FAIL("a folder without classes was opened");
    } catch (const InputError& error) {
        CHECK_THAT(error.what(), contains("has no folders with images (CLASS/*.png, jpg, jpeg, jpe, jfif, bmp, dcm"));
    }
}
