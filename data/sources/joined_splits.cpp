#include "data/sources/joined_splits.h"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include "data/sources/sources.h"

namespace keel {
namespace {

/// Where a sample of the joined set lies in the set that it is made of.
struct Place {
    Split split;
    std::int64_t index;
};

struct Joined {
    DatasetContents contents;
    std::vector<Place> places;
};

Joined join(const Dataset& dataset) {
    Joined joined;
    joined.contents = {.task = dataset.task(),
                       .label_names = dataset.label_names(),
                       .attribute_names = dataset.attribute_names(),
                       .channels = dataset.channels(),
                       .origins = {"", "", "all splits"},
                       .remarks = dataset.remarks(),
                       .reading = dataset.reading(),
                       .missing = dataset.missing(),
                       .unlisted = dataset.unlisted(),
                       .unlabelled = dataset.unlabelled()};
    auto& samples = joined.contents.splits[static_cast<std::size_t>(Split::test)];
    std::vector<std::string> unknown;
    for (const Split split : kSplits)
        for (std::int64_t i = 0; i < dataset.size(split); ++i) {
            const Sample& sample = dataset.samples(split)[static_cast<std::size_t>(i)];
            if (dataset.task() == Task::classes && sample.label == kUnknownClass) {
                unknown.push_back(sample.name);
                continue;
            }
            samples.push_back(sample);
            samples.back().record = std::ssize(joined.places);
            joined.places.push_back({split, i});
        }
    if (!unknown.empty())
        joined.contents.remarks.push_back({true, fmt::format("{} samples are left out, their class is not known: {}",
                                                             unknown.size(), some_of(unknown))});
    return joined;
}

class JoinedSplits : public Dataset {
public:
    JoinedSplits(std::unique_ptr<Dataset> dataset, Joined joined)
        : Dataset(std::move(joined.contents)), dataset_(std::move(dataset)), places_(std::move(joined.places)) {}

    void will_load(Split split, std::int64_t index) const override {
        const Place& place = place_of(samples(split)[static_cast<std::size_t>(index)]);
        dataset_->will_load(place.split, place.index);
    }
    std::vector<std::string> files() const override { return dataset_->files(); }

protected:
    Image read(const Sample& sample, LeastSize least) const override {
        const Place& place = place_of(sample);
        return dataset_->load(place.split, place.index, least);
    }

private:
    const Place& place_of(const Sample& sample) const { return places_[static_cast<std::size_t>(sample.record)]; }

    std::unique_ptr<Dataset> dataset_;
    std::vector<Place> places_;
};

}  // namespace

std::unique_ptr<Dataset> join_splits(std::unique_ptr<Dataset> dataset) {
    Joined joined = join(*dataset);
    return std::make_unique<JoinedSplits>(std::move(dataset), std::move(joined));
}

Split take_split(std::unique_ptr<Dataset>& dataset, const std::string& name) {
    if (name != kAllSplits) return parse_split(name);
    dataset = join_splits(std::move(dataset));
    return Split::test;
}

}  // namespace keel
