#include "serve/dicom_scorer.h"

#include <set>
#include <utility>

#include "kernels/error.h"
#include "serve/dicom/findings.h"

namespace keel::serve {

using dicom_node::Findings;
using dicom_node::HeatFinding;

DicomScorer::DicomScorer(const ModelTable& table, Batcher& batcher, const std::string& model, bool heatmaps)
    : table_(table), batcher_(batcher), name_(model), heatmaps_(heatmaps) {
    std::set<std::string> names;
    for (const auto& one : table.all()) names.insert(one->source().name);
    std::string all;
    for (const std::string& one : names) all += (all.empty() ? "" : ", ") + one;
    if (name_.empty() && names.size() != 1)
        throw UsageError("[dicom] --dicom-model is to say which model answers: " + all);
    if (name_.empty()) name_ = *names.begin();
    if (!names.contains(name_)) throw UsageError("[dicom] --dicom-model wants one of " + all + ", got '" + name_ + "'");
}

std::shared_ptr<const ServedModel> DicomScorer::model() const {
    auto found = table_.find(name_);
    // A reload may have dropped it; the image waits until it is back.
    if (!found) throw IoError("[dicom] the model " + name_ + " is served no more");
    return found;
}

std::string DicomScorer::identity(const ServedModel& model) {
    const std::lock_guard lock(mutex_);
    if (known_.get() != &model) {
        identity_ = dicom_node::identity_of(model.source().files);
        known_ = table_.find(name_);
        if (known_.get() != &model) known_.reset();  // replaced meanwhile
    }
    return identity_;
}

dicom_node::NodeScorer DicomScorer::scorer() {
    return {[this] {
                const auto served = model();
                Findings key;
                key.model = served->source().name;
                key.version = served->source().version;
                key.identity = identity(*served);
                return key.model_key();
            },
            [this](dicom::Bytes file, const std::string& name) { return score(file, name); }};
}

std::optional<Findings> DicomScorer::score(dicom::Bytes file, const std::string& name) {
    const auto served = model();
    Batcher::Coming coming(batcher_, served);
    const bool heat = heatmaps_ && served->explains();
    Image image;
    ScoreRequest request;
    request.model = served;
    request.images.push_back(served->scorer().decode(file, name, [&](const Image& seen) {
        if (heat) image = seen;
    }));
    if (heat) request.heat = HeatWish{};
    const Answer answer = batcher_.score(std::move(request));
    if (answer.fate == Fate::failed) throw InputError(answer.why);
    if (answer.fate != Fate::answered) return std::nullopt;
    if (!answer.scores.none.empty()) throw InputError("[dicom] " + name + ": " + answer.scores.none.front().why);
    Findings findings = dicom_node::findings_of(served->scorer(), answer.scores.probabilities, answer.scores.calls);
    findings.model = served->source().name;
    findings.version = served->source().version;
    findings.identity = identity(*served);
    findings.calibrated = served->source().calibrated;
    if (!answer.heat.empty()) {
        findings.heat =
            HeatFinding{static_cast<std::size_t>(&findings.highest() - findings.all.data()), answer.heat[0]};
        findings.image = std::move(image);
    }
    return findings;
}

}  // namespace keel::serve
