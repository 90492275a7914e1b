#include "data/formats/dicom/file.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace keel::dicom {
namespace {

constexpr Tag kPixels = 0x7FE00010;

/// The numbers of a text "a\b", each 0 where it is missing.
PixelSpacing spacing_of(const Element& element, const std::string& name) {
    Element second = element;
    const auto* begin = element.value.data();
    const auto* bar = std::find(begin, begin + element.value.size(), std::uint8_t{'\\'});
    const auto used = static_cast<std::size_t>(bar - begin);
    second.value = used < element.value.size() ? element.value.subspan(used + 1) : Bytes{};
    const double vertical = element.number(name).value_or(0), horizontal = second.number(name).value_or(0);
    if (vertical <= 0 || horizontal <= 0) return {};
    return {vertical, horizontal};
}

/// A binary number of 16 bits, whatever the representation says; 0 where there is none.
int u16_of(const Element& element) { return element.count16() > 0 ? element.u16(0) : 0; }

/// Reads the first item of a sequence of tables; nothing where it has none.
std::optional<Lut> read_lut(const Element& sequence, const std::string& name) {
    std::optional<Element> descriptor, data;
    bool first = true;
    for_items(sequence, name, [&](Bytes item) {
        if (!std::exchange(first, false)) return;
        ElementReader reader(item, sequence.encoding, name);
        for (Element element; reader.next(element);) {
            if (element.tag == 0x00283002) descriptor = element;
            if (element.tag == 0x00283006) data = element;
        }
    });
    if (!descriptor && !data) return std::nullopt;
    if (!descriptor || !data || descriptor->count16() < 3) refuse(name, "a DICOM lookup table without its descriptor");
    const std::size_t entries = descriptor->u16(0) == 0 ? 65536 : descriptor->u16(0);
    const int bits = descriptor->u16(2);
    if (bits < 1 || bits > 16 || (data->count16() < entries && (bits > 8 || data->value.size() < entries)))
        refuse(name, "a DICOM lookup table that does not fit its descriptor");
    // Entries of 8 bits lie in 16 bits each, or two in a word.
    const bool packed = data->count16() < entries;
    Lut lut{.first = descriptor->u16(1), .largest = std::ldexp(1.0, bits) - 1, .entries = {}};
    lut.entries.resize(entries);
    for (std::size_t i = 0; i < entries; ++i) lut.entries[i] = packed ? data->value[i] : data->u16(i);
    return lut;
}

WindowShape shape_of(const std::string& text, const std::string& name) {
    if (text.empty() || text == "LINEAR") return WindowShape::linear;
    if (text == "LINEAR_EXACT") return WindowShape::linear_exact;
    if (text == "SIGMOID") return WindowShape::sigmoid;
    refuse(name, "its VOI LUT Function is none of LINEAR, LINEAR_EXACT and SIGMOID");
}

using Read = void (*)(const Element& element, const std::string& name, Attributes& to);

struct Row {
    Tag tag;
    Read read;
};

/// What makes grey levels of stored values: at the top of a data set, or, in enhanced objects, within the sequences of
/// functional groups.
const Row kGreyRows[] = {
    {0x00181164, [](auto& e, auto& n, auto& to) { to.imager_spacing = spacing_of(e, n); }},
    {0x00280030, [](auto& e, auto& n, auto& to) { to.spacing = spacing_of(e, n); }},
    {0x00281050, [](auto& e, auto& n, auto& to) { to.window_center = e.number(n); }},
    {0x00281051, [](auto& e, auto& n, auto& to) { to.window_width = e.number(n); }},
    {0x00281052, [](auto& e, auto& n, auto& to) { to.intercept = e.number(n); }},
    {0x00281053, [](auto& e, auto& n, auto& to) { to.slope = e.number(n); }},
    {0x00281056, [](auto& e, auto& n, auto& to) { to.window_shape = shape_of(e.text(), n); }},
};

/// Reads an element that is one of the rows'.
void read_row(std::span<const Row> rows, const Element& element, const std::string& name, Attributes& to) {
    const auto* row = std::ranges::find(rows.data(), rows.data() + rows.size(), element.tag, &Row::tag);
    if (row != rows.data() + rows.size()) row->read(element, name, to);
}

/// Functional groups are sequences of sequences: (5200,9229) or (5200,9230), a group, what is in the group.
void read_groups(const Element& groups, const std::string& name, Attributes& to) {
    for_items(groups, name, [&](Bytes frame) {
        ElementReader reader(frame, groups.encoding, name);
        for (Element group; reader.next(group);) {
            // Pixel measures, the window of a frame, the transformation of its values.
            if (group.tag != 0x00289110 && group.tag != 0x00289132 && group.tag != 0x00289145) continue;
            for_items(group, name, [&](Bytes item) {
                ElementReader inner(item, group.encoding, name);
                for (Element element; inner.next(element);) read_row(kGreyRows, element, name, to);
            });
        }
    });
}

const Row kRows[] = {
    {0x00080016, [](auto& e, auto&, auto& to) { to.sop_class = e.text(); }},
    {0x00280002, [](auto& e, auto&, auto& to) { to.samples = u16_of(e); }},
    {0x00280004, [](auto& e, auto&, auto& to) { to.photometric = e.text(); }},
    {0x00280008, [](auto& e, auto& n, auto& to) { to.frames = e.number(n).value_or(1); }},
    {0x00280010, [](auto& e, auto&, auto& to) { to.rows = u16_of(e); }},
    {0x00280011, [](auto& e, auto&, auto& to) { to.columns = u16_of(e); }},
    {0x00280100, [](auto& e, auto&, auto& to) { to.allocated = u16_of(e); }},
    {0x00280101, [](auto& e, auto&, auto& to) { to.stored = u16_of(e); }},
    {0x00280102, [](auto& e, auto&, auto& to) { to.high_bit = u16_of(e); }},
    {0x00280103, [](auto& e, auto&, auto& to) { to.is_signed = u16_of(e) == 1; }},
    {0x00280120,
     [](auto& e, auto&, auto& to) {
         if (e.count16() > 0) to.padding = e.u16(0);
     }},
    {0x00280121,
     [](auto& e, auto&, auto& to) {
         if (e.count16() > 0) to.padding_limit = e.u16(0);
     }},
    {0x00283000, [](auto& e, auto& n, auto& to) { to.modality_lut = read_lut(e, n); }},
    {0x00283010, [](auto& e, auto& n, auto& to) { to.voi_lut = read_lut(e, n); }},
    {0x20500020, [](auto& e, auto&, auto& to) { to.inverse = e.text() == "INVERSE"; }},
    {0x52009229, [](auto& e, auto& n, auto& to) { read_groups(e, n, to); }},
    {0x52009230, [](auto& e, auto& n, auto& to) { read_groups(e, n, to); }},
    {0x7FE00008, [](auto&, auto&, auto& to) { to.float_pixels = true; }},
    {0x7FE00009, [](auto&, auto&, auto& to) { to.float_pixels = true; }},
    {kPixels, [](auto& e, auto&, auto& to) { to.pixels = e; }},
};

}  // namespace

File read_dicom(Bytes file, const std::string& name) {
    File result;
    const DataSet set = find_data_set(file, result.inflated, name);
    result.syntax = set.syntax;
    Attributes& attributes = result.attributes;
    ElementReader reader(set.data, set.encoding, name);
    // Nothing is wanted of what follows the pixels; often it is padding.
    for (Element element; !attributes.pixels && reader.next(element);) {
        read_row(kRows, element, name, attributes);
        read_row(kGreyRows, element, name, attributes);
    }
    if (attributes.sop_class.empty()) attributes.sop_class = set.media_class;
    return result;
}

}  // namespace keel::dicom
