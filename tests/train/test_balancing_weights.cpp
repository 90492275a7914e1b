// The weights that balance labels of which some are not known.
#include "train/loss.h"

#include "tests/support/catch.h"

using namespace keel;

namespace {

class LabelsAlone : public Dataset {
public:
    explicit LabelsAlone(DatasetContents contents) : Dataset(std::move(contents)) {}

protected:
    Image read(const Sample&, LeastSize) const override { return {8, 8, 1}; }
};

}  // namespace

TEST_CASE("Balanced weights are negatives per positive of the samples whose label is known", "[train]") {
    DatasetContents contents;
    contents.task = Task::labels;
    contents.label_names = {"all known", "half known", "never present", "never known"};
    for (std::uint64_t i = 0; i < 8; ++i) {
        Sample& sample = contents.splits[0].emplace_back();
        sample.name = std::to_string(i);
        sample.mask = i < 2 ? 0b1011 : 0;                 // the first two have all that anybody has
        sample.known = i % 2 == 0 ? ~0b1000U : ~0b1010U;  // the second label is known of 0, 2, 4 and 6
    }
    const LabelsAlone dataset(std::move(contents));
    const Tensor balancing = balancing_weights(dataset);
    const auto weights = balancing.values<float>();
    CHECK(std::vector<float>(weights.begin(), weights.end()) == std::vector<float>{3, 3, 1, 1});
}
