#include "serve/dicom/codes.h"

#include <algorithm>
#include <optional>

#include "data/formats/csv.h"
#include "data/formats/dicom/writer.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "serve/dicom/identifiers.h"

namespace keel::dicom_node {
namespace {

struct KnownLabel {
    const char *label, *value, *scheme, *meaning;
};

// Of NIH ChestX-ray14, CheXpert, MIMIC-CXR and RSNA's challenge. What is missing has no code that means the same.
constexpr KnownLabel kKnown[] = {
    {"atelectasis", "46621007", "SCT", "Atelectasis"},
    {"cardiomegaly", "8186001", "SCT", "Cardiomegaly"},
    {"consolidation", "95436008", "SCT", "Lung consolidation"},
    {"edema", "19242006", "SCT", "Pulmonary edema"},
    {"effusion", "60046008", "SCT", "Pleural effusion"},
    {"emphysema", "87433001", "SCT", "Pulmonary emphysema"},
    {"fibrosis", "51615001", "SCT", "Fibrosis of lung"},
    {"fracture", "125605004", "SCT", "Fracture of bone"},
    {"hernia", "39839004", "SCT", "Diaphragmatic hernia"},
    {"infiltration", "112121", "DCM", "Infiltrate"},
    {"lung opacity", "112001", "DCM", "Opacity"},
    {"mass", "4147007", "SCT", "Mass"},
    {"nodule", "27925004", "SCT", "Nodule"},
    {"pleural effusion", "60046008", "SCT", "Pleural effusion"},
    {"pneumonia", "233604007", "SCT", "Pneumonia"},
    {"pneumothorax", "36118008", "SCT", "Pneumothorax"},
};

std::string key_of(const std::string& label) {
    std::string key = lower_case(label);
    std::ranges::replace(key, '_', ' ');
    return key;
}

bool fits(const std::string& text, std::size_t longest) {
    return !text.empty() && text == dicom::element_text(text, longest);
}

/// Where the columns are.
std::vector<std::size_t> columns_of(const TableFile& table) {
    std::vector<std::size_t> places;
    for (const char* name : {"label", "value", "scheme", "meaning"}) {
        const std::optional<std::size_t> place = table.find(name);
        if (!place)
            throw InputError("[dicom] " + table.path() +
                             ": wanted the columns label, value, scheme and meaning, there is no " + name);
        places.push_back(*place);
    }
    return places;
}

}  // namespace

LabelCodes::LabelCodes() {
    for (const KnownLabel& known : kKnown) codes_[known.label] = {known.value, known.scheme, known.meaning};
}

void LabelCodes::read(const std::string& file) {
    const TableFile table(file);
    const std::vector<std::size_t> places = columns_of(table);
    table.for_each_row([&](TableRow& row) {
        std::vector<std::string> cells;
        for (const std::size_t place : places)
            cells.emplace_back(place < row.cells.size() ? trimmed(row.cells[place]) : std::string_view());
        const Code code{cells[1], cells[2], cells[3]};
        if (cells[0].empty() || !fits(code.value, 16) || !fits(code.scheme, 16) || !fits(code.meaning, 64))
            throw InputError("[dicom] " + table.where(row) +
                             ": wanted a label, a value and a scheme of 1 to 16 letters and a meaning of 1 to 64, in "
                             "printable ASCII without '\\'");
        codes_[key_of(cells[0])] = code;
    });
}

Code LabelCodes::find(const std::string& label) const {
    const auto found = codes_.find(key_of(label));
    if (found != codes_.end()) return found->second;
    const std::string meaning = dicom::element_text(label, 64);
    // A value may have 16 letters: of longer labels the beginning, and what tells those apart that begin alike.
    const std::string value =
        fits(label, 16) ? label : dicom::element_text(label, 7) + '~' + token_of("label " + label).substr(0, 8);
    return {value, kOwnScheme, meaning.empty() ? "label without a name" : meaning};
}

}  // namespace keel::dicom_node
