// DICOM: one grey image of a file, as it is meant to be shown.
#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "data/formats/dicom/codec.h"
#include "data/formats/dicom/file.h"
#include "data/formats/dicom/grey.h"
#include "data/formats/image_format.h"

namespace keel {
namespace {

using namespace dicom;

constexpr const char* kExtensions[] = {"dcm", "dicom", "ima"};

/// Kinds of objects that are no images, although some hold pixels (PS3.4, B.5), by what their UIDs begin with.
struct Kind {
    std::string_view uid, what;
};
constexpr Kind kNoImages[] = {
    {"1.2.840.10008.1.3.10", "an index of files (DICOMDIR)"},
    {"1.2.840.10008.5.1.4.1.1.88.", "a structured report"},
    {"1.2.840.10008.5.1.4.1.1.104.", "a document"},
    {"1.2.840.10008.5.1.4.1.1.481.", "a radiotherapy object"},
    {"1.2.840.10008.5.1.4.1.1.11.", "a presentation state"},
    {"1.2.840.10008.5.1.4.1.1.9.", "a waveform"},
    {"1.2.840.10008.5.1.4.1.1.66", "a registration, segmentation or other derived data"},
    {"1.2.840.10008.5.1.4.1.1.30", "a parametric map"},
};

enum class Coding { raw, rle, jpeg, jpeg2000 };

struct Syntax {
    std::string_view uid;
    Coding coding;
};
constexpr Syntax kSyntaxes[] = {
    {"", Coding::raw},
    {"1.2.840.10008.1.2", Coding::raw},
    {"1.2.840.10008.1.2.1", Coding::raw},
    {"1.2.840.10008.1.2.2", Coding::raw},
    {"1.2.840.10008.1.2.1.99", Coding::raw},
    {"1.2.840.10008.1.2.5", Coding::rle},
    {"1.2.840.10008.1.2.4.50", Coding::jpeg},
    {"1.2.840.10008.1.2.4.51", Coding::jpeg},
    {"1.2.840.10008.1.2.4.57", Coding::jpeg},
    {"1.2.840.10008.1.2.4.70", Coding::jpeg},
    {"1.2.840.10008.1.2.4.80", Coding::jpeg},
    {"1.2.840.10008.1.2.4.81", Coding::jpeg},
    {"1.2.840.10008.1.2.4.90", Coding::jpeg2000},
    {"1.2.840.10008.1.2.4.91", Coding::jpeg2000},
};

/// The text where it is a UID, as messages may show it.
std::string shown_uid(const std::string& text) {
    const bool uid = !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789.") == std::string::npos;
    return uid ? text : "an unreadable UID";
}

Coding coding_of(const std::string& syntax, const std::string& name) {
    const auto* found = std::ranges::find(kSyntaxes, std::string_view(syntax), &Syntax::uid);
    if (found == std::end(kSyntaxes)) refuse(name, "DICOM transfer syntax " + shown_uid(syntax) + " is not supported");
    return found->coding;
}

/// Refuses what is no single grey image of 8 to 16 bits.
void check_kind(const Attributes& a, const std::string& name) {
    for (const Kind& kind : kNoImages)
        if (a.sop_class.starts_with(kind.uid)) refuse(name, "no image, but " + std::string(kind.what));
    if (a.float_pixels) refuse(name, "its pixels are floating-point numbers, whole ones of 8 to 16 bits are wanted");
    if (!a.pixels) refuse(name, "a DICOM file without pixels");
    if (a.frames > 1)
        refuse(name, "a DICOM file of several frames, one is wanted: split it into files of one frame each");
    if (a.samples != 1 || (a.photometric != "MONOCHROME1" && a.photometric != "MONOCHROME2"))
        refuse(name, "a DICOM image that is not grey (MONOCHROME1 or MONOCHROME2, one sample a pixel)");
    if (a.allocated != 8 && a.allocated != 16)
        refuse(name, std::to_string(a.allocated) + " bits are allocated to a pixel, 8 or 16 are wanted");
    if (a.stored < 1 || a.stored > a.allocated || a.high_bit >= a.allocated || a.high_bit + 1 < a.stored)
        refuse(name, "the bits of its pixels contradict one another");
    if (a.rows < 1 || a.columns < 1) refuse(name, "a DICOM image without rows or columns");
}

/// The file, if it is an image that can be read.
File read_image_file(ImageFormat::Bytes bytes, const std::string& name) {
    File file = read_dicom(bytes, name);
    check_kind(file.attributes, name);
    if (coding_of(file.syntax, name) != Coding::raw && !file.attributes.pixels->delimited)
        refuse(name, "its pixels are not encapsulated, as its transfer syntax wants them");
    if (coding_of(file.syntax, name) == Coding::raw && file.attributes.pixels->delimited)
        refuse(name, "its pixels are encapsulated, which its transfer syntax does not allow");
    return file;
}

/// The codestream of a frame: all fragments but the first, which is a table of offsets.
std::vector<std::uint8_t> join_fragments(const Element& pixels, const std::string& name) {
    std::vector<std::uint8_t> stream;
    bool table = true;
    for_items(pixels, name, [&](dicom::Bytes fragment) {
        if (!std::exchange(table, false)) stream.insert(stream.end(), fragment.begin(), fragment.end());
    });
    return stream;
}

Samples decode_samples(const File& file, Coding coding, LeastSize least, const std::string& name) {
    const Attributes& a = file.attributes;
    const Claim claim{a.columns, a.rows, a.allocated};
    const std::vector<std::uint8_t> stream = join_fragments(*a.pixels, name);
    if (coding == Coding::rle) return decode_rle(stream, claim, name);
    if (coding == Coding::jpeg) return decode_jpeg(stream, claim, name);
    return decode_jpeg2000(stream, claim, least, name);
}

/// Writes level(v) of each of `count` values that value(i) returns.
template <class Value>
void map_levels(const std::vector<std::uint16_t>& levels, bool to_8_bits, Image& image, Value value) {
    const std::size_t count = image.samples();
    if (to_8_bits) {
        std::array<std::uint8_t, 256> small{};
        for (std::size_t v = 0; v < levels.size(); ++v) small[v] = static_cast<std::uint8_t>(levels[v] / 257);
        for (std::size_t i = 0; i < count; ++i) image.pixels[i] = small[value(i)];
        return;
    }
    std::uint16_t* dst = image.row16(0);
    for (std::size_t i = 0; i < count; ++i) dst[i] = levels[value(i)];
}

/// Maps pixels as they lie in the file. The bits above the highest one may hold overlays, those below it nothing.
void map_raw(const Attributes& a, const std::vector<std::uint16_t>& levels, bool to_8_bits, Image& image,
             const std::string& name) {
    const Element& pixels = *a.pixels;
    if (pixels.value.size() < image.samples() * static_cast<std::size_t>(a.allocated / 8))
        refuse(name, "truncated pixels: the file holds fewer than its rows and columns say");
    const std::uint8_t* src = pixels.value.data();
    const int shift = a.high_bit + 1 - a.stored;
    const auto mask = static_cast<unsigned>((1 << a.stored) - 1);
    const bool big = pixels.encoding.big_endian;
    if (a.allocated == 8 && big && pixels.is_vr("OW")) {  // two pixels in a word, the first in its low byte
        const std::size_t last = pixels.value.size() - 1;
        map_levels(levels, to_8_bits, image,
                   [=](std::size_t i) { return unsigned{src[std::min(i ^ 1U, last)]} >> shift & mask; });
    } else if (a.allocated == 8) {
        map_levels(levels, to_8_bits, image, [=](std::size_t i) { return unsigned{src[i]} >> shift & mask; });
    } else if (big) {
        map_levels(levels, to_8_bits, image,
                   [=](std::size_t i) { return (unsigned{src[2 * i]} << 8 | src[2 * i + 1]) >> shift & mask; });
    } else {
        map_levels(levels, to_8_bits, image, [=](std::size_t i) {
            std::uint16_t v;
            std::memcpy(&v, src + 2 * i, 2);
            return unsigned{v} >> shift & mask;
        });
    }
}

/// The window that the reading asks for; it is linear, whatever the file's own is.
std::optional<Window> asked_window(const ImageReading& reading) {
    if (reading.window.size() != 2) return std::nullopt;
    return Window{reading.window[0], reading.window[1], WindowShape::linear};
}

ImageHeader header(ImageFormat::Bytes bytes, const std::string& name) {
    const File file = read_image_file(bytes, name);
    const Attributes& a = file.attributes;
    return {a.columns, a.rows, 1, a.stored <= 8 ? 8 : 16, 1, a.pixel_spacing()};
}

Image decode(ImageFormat::Bytes bytes, const ImageHeader&, const DecodeOptions& options, const std::string& name) {
    const File file = read_image_file(bytes, name);
    const Attributes& a = file.attributes;
    const Coding coding = coding_of(file.syntax, name);
    const std::optional<Window> window = asked_window(options.reading);
    Samples samples{.width = a.columns, .height = a.rows, .bits = a.stored, .values = {}};
    if (coding != Coding::raw)
        samples = decode_samples(file, coding, is_linear(a, window) ? options.least : LeastSize{}, name);
    // Some files have more bits in their codestream than they say that they store.
    const int bits = coding == Coding::rle ? a.stored : std::max(a.stored, samples.bits);
    const std::vector<std::uint16_t> levels = grey_levels(a, bits, window, name);
    const bool to_8_bits = bits <= 8 && fit_8_bits(levels);
    Image image(samples.width, samples.height, 1, to_8_bits ? 8 : 16);
    const auto mask = static_cast<unsigned>((1 << bits) - 1);
    const int shift = coding == Coding::rle ? a.high_bit + 1 - a.stored : 0;
    if (coding == Coding::raw)
        map_raw(a, levels, to_8_bits, image, name);
    else
        map_levels(levels, to_8_bits, image,
                   [&](std::size_t i) { return unsigned{samples.values[i]} >> shift & mask; });
    return image;
}

}  // namespace

const ImageFormat kDicomFormat{"DICOM", kExtensions, begins_as_dicom, header, decode};

}  // namespace keel
