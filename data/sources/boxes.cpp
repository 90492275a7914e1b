#include "data/sources/boxes.h"

#include <fmt/core.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "data/formats/csv.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kBoxesHeader = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";

struct BoxColumns {
    std::size_t image, label, box;
};

/// The heading's own commas ("Bbox [x,y,w,h]") stand where the four numbers' do.
BoxColumns find_box_columns(const std::vector<std::string>& header, const std::string& path) {
    const auto column = [&](const char* name) {
        const auto it = std::ranges::find_if(header, [&](const std::string& field) { return field.starts_with(name); });
        if (it == header.end()) throw InputError(fmt::format("[boxes] {}:1: no column '{}'", path, name));
        return static_cast<std::size_t>(it - header.begin());
    };
    return {column("Image Index"), column("Finding Label"), column("Bbox")};
}

double parse_number(std::string_view text, const std::string& where) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || at != end || !std::isfinite(value))
        throw InputError(fmt::format("[boxes] {}: wanted a number, got '{}'", where, excerpt(text)));
    return value;
}

}  // namespace

std::vector<LabelledBox> read_boxes(const std::string& path) {
    const TableFile file(path);
    const BoxColumns columns = find_box_columns(file.header(), path);
    const std::size_t wanted = std::max({columns.image + 1, columns.label + 1, columns.box + 4});
    std::vector<LabelledBox> boxes;
    file.for_each_row([&](TableRow& row) {
        const std::string where = file.where(row);
        const std::vector<std::string>& cells = row.cells;
        if (cells.size() < wanted)
            throw InputError(fmt::format("[boxes] {}: {} fields, at least {} are wanted", where, cells.size(), wanted));
        const auto number = [&](std::size_t k) { return parse_number(trimmed(cells[columns.box + k]), where); };
        const Box box{number(0), number(1), number(2), number(3)};
        if (box.x < 0 || box.y < 0 || box.width <= 0 || box.height <= 0)
            throw InputError(fmt::format("[boxes] {}: wanted a corner from 0 on and sides above 0, got {}, {}, {}, {}",
                                         where, box.x, box.y, box.width, box.height));
        const std::string label(trimmed(cells[columns.label]));
        boxes.push_back(
            {std::string(trimmed(cells[columns.image])), label == "Infiltrate" ? "Infiltration" : label, box});
    });
    return boxes;
}

std::string boxes_csv(const std::vector<LabelledBox>& boxes) {
    std::string text = kBoxesHeader;
    for (const LabelledBox& b : boxes)
        text += fmt::format("{},{},{},{},{},{},,,\n", b.image, b.label == "Infiltration" ? "Infiltrate" : b.label,
                            b.box.x, b.box.y, b.box.width, b.box.height);
    return text;
}

}  // namespace keel
