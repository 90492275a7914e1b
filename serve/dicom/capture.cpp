// The heatmap over the image, as a secondary capture.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/glyphs.h"
#include "data/pipeline/transform.h"
#include "kernels/version.h"
#include "serve/dicom/modules.h"

namespace keel::dicom_node {
namespace {

using dicom::DataSetWriter;

constexpr const char* kHeatmapSeries = "heatmap";
constexpr int kLargest = 1024;  // pixels of the longer side: a map of some 14 x 14 values shows no more in others

/// The image with sides of at most kLargest: means of squares of pixels.
Image reduced(const Image& image) {
    const int by = (std::max(image.width, image.height) + kLargest - 1) / kLargest;
    if (by <= 1) return image;
    Image dst(std::max(1, image.width / by), std::max(1, image.height / by), image.channels);
    for (int y = 0; y < dst.height; ++y)
        for (int x = 0; x < dst.width; ++x)
            for (int c = 0; c < dst.channels; ++c) {
                int sum = 0, count = 0;
                for (int dy = 0; dy < by && y * by + dy < image.height; ++dy)
                    for (int dx = 0; dx < by && x * by + dx < image.width; ++dx, ++count)
                        sum += image.row(y * by + dy)[(x * by + dx) * image.channels + c];
                dst.row(y)[x * dst.channels + c] = static_cast<std::uint8_t>((sum + count / 2) / count);
            }
    return dst;
}

/// Lines of text below the image: on a band of their own, so that they hide nothing of it.
Image with_caption(const Image& image, const std::vector<std::string>& lines) {
    int dots = 1;
    for (const std::string& line : lines) dots = std::max(dots, text_dots(line));
    const int scale = std::clamp((image.width - 8) / dots, 1, 3), step = 10 * scale;
    const int width = std::max(image.width, dots * scale + 8);
    Image dst(width, image.height + step * static_cast<int>(lines.size()) + 4, 3);
    for (int y = 0; y < image.height; ++y) std::copy_n(image.row(y), image.row_bytes(), dst.row(y));
    for (std::size_t i = 0; i < lines.size(); ++i)
        write_text(dst, lines[i], 4, image.height + 4 + static_cast<int>(i) * step, scale, 255);
    return dst;
}

std::vector<std::string> caption(const AnswerParts& parts) {
    const Finding& finding = parts.findings.all[parts.findings.heat->finding];
    return {kNotice, dicom::element_text(finding.label, 32) + ' ' + percent_text(finding.probability),
            "Keel " KEEL_VERSION ", " + parts.model_text(32)};
}

}  // namespace

AnswerObject make_capture(const AnswerParts& parts) {
    const SourceImage& source = parts.source;
    const Image shown =
        with_caption(overlay(reduced(to_8_bits(parts.findings.image)), parts.findings.heat->grid, ColorMap::inferno),
                     caption(parts));
    DataSetWriter object;
    set_common(object, parts, kSecondaryCapture, kHeatmapSeries, "OT", 9102);
    DataSetWriter origin = reference_to(source.sop_class, source.sop_instance);
    origin.sequence(0x0040A170, {code_item({"121322", "DCM", "Source image for image processing operation"})});
    object.text(0x00080008, "CS", "DERIVED\\SECONDARY")
        .text(0x00080023, "DA", parts.date)
        .text(0x00080033, "TM", parts.time)
        .text(0x00080064, "CS", "WSD")
        .text(0x00082111, "ST",
              fmt::format("{}. Where the model saw {}", kNotice,
                          dicom::element_text(parts.findings.all[parts.findings.heat->finding].label, 64)))
        .sequence(0x00082112, {origin})
        .text(0x00181012, "DA", parts.date)
        .text(0x00181014, "TM", parts.time)
        .text(0x00181016, "LO", "Keel")
        .text(0x00181018, "LO", parts.model_text(64))
        .text(0x00181019, "LO", KEEL_VERSION)
        .text(kPatientOrientation, "CS", source.text(kPatientOrientation))
        .text(0x00200060, "CS", "")
        .text(0x00280004, "CS", "RGB")
        .text(0x00280301, "CS", "YES")
        .text(0x00282110, "CS", "00");
    object.u16(0x00280002, {3})
        .u16(0x00280006, {0})
        .u16(0x00280010, {static_cast<std::uint16_t>(shown.height)})
        .u16(0x00280011, {static_cast<std::uint16_t>(shown.width)})
        .u16(0x00280100, {8})
        .u16(0x00280101, {8})
        .u16(0x00280102, {7})
        .u16(0x00280103, {0})
        .bytes(0x7FE00010, "OB", shown.pixels);
    return finished(object, parts, kSecondaryCapture, kHeatmapSeries, "heatmap.dcm");
}

}  // namespace keel::dicom_node
