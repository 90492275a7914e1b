#include "data/sources/vocabulary.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "data/formats/csv.h"

namespace keel {
namespace {

using Synonym = std::pair<std::string_view, std::string_view>;

/// column_key() of what sets write, and the vocabulary's word. Kinds of a finding that PadChest tells apart (its tree
/// of terms: Bustos et al., Medical Image Analysis 2020) are the finding.
constexpr Synonym kFindings[] = {
    {"airspaceopacity", "Lung Opacity"},
    {"apicalpleuralthickening", "Pleural_Thickening"},
    {"atelectasis", "Atelectasis"},
    {"cardiomegaly", "Cardiomegaly"},
    {"consolidation", "Consolidation"},
    {"edema", "Edema"},
    {"effusion", "Effusion"},
    {"emphysema", "Emphysema"},
    {"enlargedcardiomediastinum", "Enlarged Cardiomediastinum"},
    {"fibrosis", "Fibrosis"},
    {"fracture", "Fracture"},
    {"hernia", "Hernia"},
    {"hiatalhernia", "Hernia"},
    {"infiltrate", "Infiltration"},
    {"infiltrates", "Infiltration"},
    {"infiltration", "Infiltration"},
    {"laminaratelectasis", "Atelectasis"},
    {"lobaratelectasis", "Atelectasis"},
    {"lungedema", "Edema"},
    {"lunglesion", "Lung Lesion"},
    {"lungopacity", "Lung Opacity"},
    {"mass", "Mass"},
    {"multiplenodules", "Nodule"},
    {"nodule", "Nodule"},
    {"nofinding", kNoFinding},
    {"nofindings", kNoFinding},
    {"normal", kNoFinding},
    {"pleuraleffusion", "Effusion"},
    {"pleuralother", "Pleural Other"},
    {"pleuralthickening", "Pleural_Thickening"},
    {"pneumonia", "Pneumonia"},
    {"pneumothorax", "Pneumothorax"},
    {"pulmonaryedema", "Edema"},
    {"pulmonaryfibrosis", "Fibrosis"},
    {"pulmonarymass", "Mass"},
    {"roundatelectasis", "Atelectasis"},
    {"segmentalatelectasis", "Atelectasis"},
    {"supportdevices", "Support Devices"},
    {"totalatelectasis", "Atelectasis"},
};
static_assert(std::ranges::is_sorted(kFindings, {}, &Synonym::first));

constexpr Synonym kViews[] = {
    {"ap", "AP"},
    {"apaxial", "AP"},
    {"aphorizontal", "AP"},
    {"aplld", "AP"},
    {"aprld", "AP"},
    {"l", "lateral"},
    {"lateral", "lateral"},
    {"leftlateral", "lateral"},
    {"ll", "lateral"},
    {"pa", "PA"},
    {"palld", "PA"},
    {"parld", "PA"},
    {"rightlateral", "lateral"},
    {"rl", "lateral"},
    {"xtablelateral", "lateral"},
};
static_assert(std::ranges::is_sorted(kViews, {}, &Synonym::first));

template <std::size_t N>
std::string look_up(const Synonym (&words)[N], std::string_view text) {
    const std::string key = column_key(text);
    const auto* const found = std::ranges::lower_bound(words, std::string_view(key), {}, &Synonym::first);
    return std::string(found != std::end(words) && found->first == key ? found->second : text);
}

}  // namespace

std::string common_label_name(std::string_view text) { return look_up(kFindings, trimmed(text)); }

bool same_finding(std::string_view a, std::string_view b) {
    return column_key(common_label_name(a)) == column_key(common_label_name(b));
}

std::string view_name(std::string_view text) { return look_up(kViews, trimmed(text)); }

bool view_wanted(std::string_view view, std::string_view wanted) {
    const std::string own = column_key(view_name(view));
    return std::ranges::any_of(split_text(wanted, ','), [&](const std::string& word) {
        const std::string key = column_key(view_name(word));
        return key == "frontal" ? own == "pa" || own == "ap" || own == key : !key.empty() && own == key;
    });
}

std::string sex_name(std::string_view text) {
    const std::string key = column_key(text);
    if (key == "f" || key == "female" || key == "woman") return "F";
    if (key == "m" || key == "male" || key == "man") return "M";
    return std::string(trimmed(text));
}

std::string patient_name(std::string_view text) {
    text = trimmed(text);
    std::string_view number = text;
    if (const std::size_t dot = number.find('.'); dot != std::string_view::npos && dot + 1 < number.size() &&
                                                  number.find_first_not_of('0', dot + 1) == std::string_view::npos)
        number = number.substr(0, dot);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) return std::string(text);
    const std::size_t first = std::min(number.find_first_not_of('0'), number.size() - 1);
    return std::string(number.substr(first));
}

}  // namespace keel
