// A presentation state: the image as it is, with the place marked where the model saw the label.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/version.h"
#include "serve/dicom/modules.h"

namespace keel::dicom_node {
namespace {

using dicom::DataSetWriter;

constexpr const char *kPresentationState = "1.2.840.10008.5.1.4.1.1.11.1", *kMarksSeries = "marks", *kLayer = "KEEL";

/// The place, in pixels from 1 on: the smallest box around the cells whose heat is half of the highest or more and that
/// hang together with the hottest one.
std::array<float, 4> hot_box(const HeatGrid& grid, const SourceImage& source) {
    const auto at = [&](int x, int y) { return grid.values[static_cast<std::size_t>(y * grid.width + x)]; };
    const auto hottest = static_cast<int>(std::ranges::max_element(grid.values) - grid.values.begin());
    const float half = grid.values[static_cast<std::size_t>(hottest)] / 2;
    int x0 = hottest % grid.width, x1 = x0, y0 = hottest / grid.width, y1 = y0;
    std::vector<bool> seen(grid.values.size());
    std::vector<std::pair<int, int>> open{{x0, y0}};
    while (!open.empty()) {
        const auto [x, y] = open.back();
        open.pop_back();
        if (x < 0 || y < 0 || x >= grid.width || y >= grid.height || at(x, y) < half) continue;
        if (const auto i = static_cast<std::size_t>(y * grid.width + x); seen[i])
            continue;
        else
            seen[i] = true;
        x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
        for (const auto& [dx, dy] : {std::pair(1, 0), {-1, 0}, {0, 1}, {0, -1}}) open.emplace_back(x + dx, y + dy);
    }
    const auto across = static_cast<float>(source.columns) / static_cast<float>(grid.width),
               down = static_cast<float>(source.rows) / static_cast<float>(grid.height);
    return {1 + static_cast<float>(x0) * across, 1 + static_cast<float>(y0) * down,
            std::max(1.0F, static_cast<float>(x1 + 1) * across), std::max(1.0F, static_cast<float>(y1 + 1) * down)};
}

/// A text in the upper left of what is displayed, beside the image's own place.
DataSetWriter text_object(const std::string& text) {
    constexpr std::array<float, 2> kCorner{0.01F, 0.01F}, kFar{0.6F, 0.12F};
    return DataSetWriter()
        .text(0x00700003, "CS", "DISPLAY")
        .text(0x00700006, "ST", text)
        .f32(0x00700010, kCorner)
        .f32(0x00700011, kFar)
        .text(0x00700012, "CS", "LEFT");
}

DataSetWriter outline(const std::array<float, 4>& box) {
    const std::array<float, 10> points{box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3], box[0], box[1]};
    return DataSetWriter()
        .text(0x00700005, "CS", "PIXEL")
        .u16(0x00700020, {2})
        .u16(0x00700021, {5})
        .f32(0x00700022, points)
        .text(0x00700023, "CS", "POLYLINE")
        .text(0x00700024, "CS", "N");
}

DataSetWriter referenced_series(const SourceImage& source) {
    return DataSetWriter()
        .sequence(0x00081140, {reference_to(source.sop_class, source.sop_instance)})
        .text(0x0020000E, "UI", source.series);
}

DataSetWriter displayed_area(const SourceImage& source) {
    return DataSetWriter()
        .s32(0x00700052, {1, 1})
        .s32(0x00700053, {source.columns, source.rows})
        .text(0x00700100, "CS", "SCALE TO FIT")
        .text(0x00700102, "IS", "1\\1");
}

DataSetWriter window_item(const dicom::Window& window) {
    DataSetWriter item;
    item.text(0x00281050, "DS", decimal_text(window.center)).text(0x00281051, "DS", decimal_text(window.width));
    if (window.shape == dicom::WindowShape::linear_exact) item.text(0x00281056, "CS", "LINEAR_EXACT");
    if (window.shape == dicom::WindowShape::sigmoid) item.text(0x00281056, "CS", "SIGMOID");
    return item;
}

}  // namespace

AnswerObject make_marks(const AnswerParts& parts) {
    const SourceImage& source = parts.source;
    const Finding& finding = parts.findings.all[parts.findings.heat->finding];
    const std::string text = fmt::format("{}\r\n{} {}\r\nKeel {}, {}", kNotice, dicom::element_text(finding.label, 64),
                                         percent_text(finding.probability), KEEL_VERSION, parts.model_text(64));
    DataSetWriter object;
    set_common(object, parts, kPresentationState, kMarksSeries, "PR", 9103);
    const DataSetWriter annotation = DataSetWriter()
                                         .text(0x00700002, "CS", kLayer)
                                         .sequence(0x00700008, {text_object(text)})
                                         .sequence(0x00700009, {outline(hot_box(parts.findings.heat->grid, source))});
    object.sequence(0x00081115, {referenced_series(source)})
        .text(0x00200060, "CS", "")
        .text(0x00281052, "DS", decimal_text(source.intercept))
        .text(0x00281053, "DS", decimal_text(source.slope))
        .text(0x00281054, "LO", "US")
        .sequence(0x00283110, {window_item(source.window)})
        .sequence(0x00700001, {annotation})
        .sequence(0x0070005A, {displayed_area(source)})
        .sequence(0x00700060, {DataSetWriter().text(0x00700002, "CS", kLayer).text(0x00700062, "IS", "1")})
        .text(0x00700080, "CS", "KEEL")
        .text(0x00700081, "LO", fmt::format("{}: {}", kNotice, dicom::element_text(finding.label, 32)))
        .text(0x00700082, "DA", parts.date)
        .text(0x00700083, "TM", parts.time)
        .text(0x00700084, "PN", "Keel^")
        .text(0x20500020, "CS", source.inverted ? "INVERSE" : "IDENTITY");
    return finished(object, parts, kPresentationState, kMarksSeries, "marks.dcm");
}

}  // namespace keel::dicom_node
