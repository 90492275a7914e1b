// Epochs of a loader over images that are made of their numbers.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/pipeline/loader.h"
#include "kernels/error.h"
#include "tests/data/files.h"

namespace keel::test {

/// Images made from their number; every one whose number is in `bad` fails to load. Counts how many were asked for.
class FakeDataset : public Dataset {
public:
    FakeDataset(std::int64_t n, std::set<std::int64_t> bad, Task task = Task::labels)
        : Dataset(make(n, task)), bad_(std::move(bad)) {}
    mutable std::atomic<int> loads{0};

protected:
    Image read(const Sample& sample, LeastSize) const override {
        ++loads;
        if (bad_.contains(sample.record)) throw InputError("[fake] " + sample.name + " is bad");
        return noise_image(9 + static_cast<int>(sample.record % 5), 11, 1, static_cast<std::uint64_t>(sample.record));
    }

private:
    static DatasetContents make(std::int64_t n, Task task) {
        DatasetContents contents;
        contents.task = task;
        contents.label_names = {"a", "b", "c"};
        for (std::int64_t i = 0; i < n; ++i) {
            Sample& sample = contents.splits[0].emplace_back();
            sample.name = "sample" + std::to_string(i);
            sample.record = i;
            sample.label = task == Task::classes ? static_cast<std::int32_t>(i % 3) : -1;
            sample.mask = task == Task::labels ? static_cast<std::uint64_t>(i) % 8 : 0;
            if (i % 10 == 9) sample.known = ~std::uint64_t{0b010};  // of every tenth the second label is not
        }
        return contents;
    }
    std::set<std::int64_t> bad_;
};

inline LoaderOptions base_options() {
    LoaderOptions options;
    options.transform = {
        .image_size = 8, .augment = true, .rotate_degrees = 10, .shift = 0.1F, .scale_min = 0.5F, .brightness = 0.1F};
    options.batch_size = 8;
    options.shuffle = true;
    options.seed = 3;
    options.epoch = 1;
    options.max_bad = 1.0;
    return options;
}

/// All that an epoch delivers.
struct Epoch {
    std::vector<std::int64_t> indices, sizes, resume_at;
    std::vector<float> images, targets;
    std::vector<std::string> bad;
    std::string error;
    bool operator==(const Epoch&) const = default;
};

inline Epoch run_epoch(const Dataset& data, LoaderOptions options) {
    Epoch epoch;
    options.on_bad_image = [&](const BadImage& bad) { epoch.bad.push_back(bad.name); };
    Loader loader(data, options);
    Batch batch;
    try {
        while (loader.next(batch)) {
            epoch.sizes.push_back(batch.n);
            epoch.resume_at.push_back(batch.next_sample);
            epoch.indices.insert(epoch.indices.end(), batch.indices.begin(), batch.indices.end());
            epoch.images.insert(epoch.images.end(), batch.images.begin(), batch.images.end());
            epoch.targets.insert(epoch.targets.end(), batch.targets.begin(), batch.targets.end());
        }
    } catch (const InputError& error) {
        epoch.error = error.what();
    }
    return epoch;
}

}  // namespace keel::test
