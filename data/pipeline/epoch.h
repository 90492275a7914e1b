// An epoch as it is asked for, and the plan of it: which samples in which order, and where batches end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/mix.h"
#include "data/pipeline/sampler.h"
#include "data/pipeline/transform.h"

namespace keel {

/// An image that could not be loaded and was skipped.
struct BadImage {
    std::int64_t index;    ///< into Dataset::samples(split)
    std::string name{};    ///< Sample::name
    std::string reason{};  ///< the error's message
};

/// Returns how many of `images` images may be bad: the fraction of them, rounded up.
std::int64_t bad_images_allowed(double fraction, std::int64_t images);

struct LoaderOptions {
    Split split = Split::train;
    TransformOptions transform{};
    std::int64_t batch_size = 16;
    bool shuffle = false;
    /// Samples to draw from as balanced_draws() does, in place of each sample once; empty: each once. A sample may be
    /// in several groups, or in none and is never drawn then.
    std::vector<std::vector<std::int64_t>> groups{};
    std::uint64_t seed = 0;         ///< of the shuffle and the augmentation
    std::uint64_t epoch = 0;        ///< likewise
    std::int64_t start_sample = 0;  ///< position within the epoch's order to begin at, over all ranks
    std::int64_t end_sample = -1;   ///< position to end at; negative: the end. For one rank.
    MixOptions mix{};               ///< of the images of a batch with one another
    ShardOptions shard{};    ///< which of the samples are this rank's; with several it may hand out empty batches
    bool drop_last = false;  ///< leave out a last batch that is not full
    int workers = 2;         ///< threads that decode
    int prefetch = 4;        ///< batches held at most, the one being filled included
    double max_bad = 0.001;  ///< bad images tolerated, as a fraction of the split, rounded up
    std::function<void(const BadImage&)>
        on_bad_image{};  ///< called by next(), on its thread, in the order of the epoch
    /// Asked by next(), on its thread, while the storage does not answer: whether to end the epoch rather than wait.
    std::function<bool()> stop_waiting{};
};

struct EpochPlan {
    std::vector<std::int64_t> order;     ///< index into samples(split) of each position that is this rank's
    std::vector<std::uint32_t> repeats;  ///< how often the epoch of all ranks had the sample of each position before
                                         ///< it; empty: never
    std::int64_t begin = 0, end = 0;     ///< of the positions
    bool sharded = false;                ///< batches end where the shard says, else when they are full
    Shard shard;                         ///< where sharded; else empty
    std::int64_t batches = 0;            ///< if no image is bad

    /// Returns the position at which batch k of a shard ends.
    std::int64_t batch_end(std::int64_t k) const {
        const Shard::Batch& batch = shard.batches[static_cast<std::size_t>(k)];
        return batch.begin + batch.size;
    }
};

/// Returns the name that random draws about a sample go by in an epoch: its index, and in the upper half how often the
/// epoch had it before, so that a sample that comes again is not augmented in the same way again.
inline std::uint64_t draw_name(std::int64_t index, std::uint32_t repeats) {
    return static_cast<std::uint64_t>(index) | std::uint64_t{repeats} << 32;
}

/// Plans an epoch over a split of `size` samples. A pure function. Throws UsageError for an option outside its range.
EpochPlan plan_epoch(const LoaderOptions& options, std::int64_t size);

}  // namespace keel
