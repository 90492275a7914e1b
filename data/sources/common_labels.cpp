#include "data/sources/common_labels.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/sources/sources.h"
#include "data/sources/vocabulary.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// Sample::record is where the other data set has the sample.
class Relabelled final : public Dataset {
public:
    Relabelled(DatasetContents contents, std::unique_ptr<Dataset> inner)
        : Dataset(std::move(contents)), inner_(std::move(inner)) {}

    static std::int64_t record_of(Split split, std::size_t index) {
        return static_cast<std::int64_t>(index * kSplits.size() + static_cast<std::size_t>(split));
    }
    void will_load(Split split, std::int64_t index) const override { inner_->will_load(split, index); }
    std::vector<std::string> files() const override { return inner_->files(); }

protected:
    Image read(const Sample& sample, LeastSize least) const override {
        const auto splits = static_cast<std::int64_t>(kSplits.size());
        return inner_->load(static_cast<Split>(sample.record % splits), sample.record / splits, least);
    }

private:
    std::unique_ptr<Dataset> inner_;
};

/// For each of `labels` which of the data set's it is, or kNone.
std::vector<std::size_t> places_of(const Dataset& dataset, const std::vector<std::string>& labels,
                                   const std::string& whose) {
    std::vector<std::size_t> places;
    for (const std::string& label : labels) {
        std::size_t place = kNone;
        for (std::size_t i = 0; i < dataset.label_names().size(); ++i) {
            if (!same_finding(dataset.label_names()[i], label)) continue;
            if (place != kNone)
                throw InputError(fmt::format("[data] {} and {} are both {} of {}; --only-labels chooses one",
                                             dataset.label_names()[place], dataset.label_names()[i], label, whose));
            place = i;
        }
        places.push_back(place);
    }
    return places;
}

Sample relabelled(Sample sample, const std::vector<std::size_t>& places) {
    std::uint64_t mask = 0, known = 0;
    std::vector<float> soft;
    for (std::size_t k = 0; k < places.size(); ++k) {
        const std::size_t from = places[k];
        if (from != kNone && sample.is_known(from)) known |= std::uint64_t{1} << k;
        if (from != kNone && sample.is_present(from)) mask |= std::uint64_t{1} << k;
        if (!sample.soft.empty()) soft.push_back(from == kNone ? kNoSoftTarget : sample.soft[from]);
    }
    sample.mask = mask;
    sample.known = known;
    sample.soft = std::move(soft);
    return sample;
}

}  // namespace

CommonLabels with_labels(std::unique_ptr<Dataset> dataset, const std::vector<std::string>& labels,
                         const std::string& whose) {
    if (dataset->label_names() == labels) return {std::move(dataset)};
    const std::vector<std::size_t> places = places_of(*dataset, labels, whose);
    std::vector<std::string> absent, extra;
    for (std::size_t k = 0; k < labels.size(); ++k)
        if (places[k] == kNone) absent.push_back(labels[k]);
    for (std::size_t i = 0; i < dataset->label_names().size(); ++i)
        if (std::ranges::find(places, i) == places.end()) extra.push_back(dataset->label_names()[i]);
    if (absent.size() == labels.size())
        throw InputError(fmt::format("[eval] {} knows the labels {}, the data has {}: none in common", whose,
                                     fmt::join(labels, ", "), fmt::join(dataset->label_names(), ", ")));
    CommonLabels common;
    const auto say = [&](const char* what, const std::vector<std::string>& names) {
        if (!names.empty()) common.remarks.push_back({true, fmt::format("{}: {}", what, fmt::join(names, ", "))});
    };
    say("labels of the model that the data has not, which are not scored", absent);
    say("labels of the data that the model has not, which are not scored", extra);
    DatasetContents contents;
    contents.task = Task::labels;
    contents.label_names = labels;
    contents.attribute_names = dataset->attribute_names();
    contents.channels = dataset->channels();
    contents.remarks = dataset->remarks();
    contents.reading = dataset->reading();
    contents.missing = dataset->missing();
    contents.unlisted = dataset->unlisted();
    contents.unlabelled = dataset->unlabelled();
    for (const Split split : kSplits) {
        contents.origins[static_cast<std::size_t>(split)] = dataset->origin(split);
        const std::vector<Sample>& samples = dataset->samples(split);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            Sample sample = relabelled(samples[i], places);
            sample.record = Relabelled::record_of(split, i);
            contents.splits[static_cast<std::size_t>(split)].push_back(std::move(sample));
        }
    }
    common.dataset = std::make_unique<Relabelled>(std::move(contents), std::move(dataset));
    return common;
}

}  // namespace keel
