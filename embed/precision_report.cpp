#include "embed/precision_report.h"

#include <algorithm>

namespace keel {

std::vector<std::string> PrecisionReport::add(const std::string& file, const Predictor& model) {
    const Precision runs = model.runtime().precision();
    std::vector<std::string> notes;
    if (!model.runtime().refusal().empty())
        notes.push_back(file + " runs in f32, not in bf16: " + model.runtime().refusal());
    const bool is_first = std::ranges::find(models_, Precision::bf16) == models_.end();
    if (const std::string slow = is_first ? imitation_warning(runs) : ""; !slow.empty())
        notes.push_back("--precision bf16: " + slow);
    models_.push_back(runs);
    return notes;
}

std::string PrecisionReport::text() const {
    const bool alike = std::ranges::adjacent_find(models_, std::ranges::not_equal_to{}) == models_.end();
    std::string text;
    for (const Precision one : models_) {
        text += (text.empty() ? "" : ", ") + std::string(name(one));
        if (alike) break;
    }
    return text;
}

}  // namespace keel
