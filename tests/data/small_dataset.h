// Data sets that hold their images themselves, for tests that need one and no files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"

namespace keel::test {

/// Grey images of `size` x `size` pixels, each of one shade that its record's number decides.
class SmallDataset final : public Dataset {
public:
    explicit SmallDataset(DatasetContents contents, int size = 8) : Dataset(std::move(contents)), size_(size) {}

protected:
    Image read(const Sample& sample, LeastSize) const override {
        Image image(size_, size_, 1);
        for (int y = 0; y < size_; ++y)
            for (int x = 0; x < size_; ++x) image.row(y)[x] = static_cast<std::uint8_t>(37 * sample.record % 256);
        return image;
    }

private:
    int size_;
};

/// `count` samples for SmallDataset, called `prefix` and their number; of labels (bit i of the number: label i) or of
/// classes in turn.
inline std::vector<Sample> small_samples(Task task, std::size_t labels, int count, const std::string& prefix = "s") {
    std::vector<Sample> samples(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < samples.size(); ++i) {
        samples[i].name = prefix + std::to_string(i);
        samples[i].record = static_cast<std::int64_t>(i);
        if (task == Task::classes)
            samples[i].label = static_cast<std::int32_t>(i % labels);
        else
            samples[i].mask = i % (std::size_t{1} << labels);
    }
    return samples;
}

/// Of two labels or classes "A" and "B" in three splits.
inline DatasetContents small_contents(Task task, int train, int val = 0, int test = 0) {
    DatasetContents contents;
    contents.task = task;
    contents.label_names = {"A", "B"};
    contents.splits = {small_samples(task, 2, train, "train"), small_samples(task, 2, val, "val"),
                       small_samples(task, 2, test, "test")};
    return contents;
}

}  // namespace keel::test
