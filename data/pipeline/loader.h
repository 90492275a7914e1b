// Batches of one epoch, decoded ahead by a oneTBB pipeline in its own arena, the same for any number of workers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/pipeline/aligned.h"
#include "data/dataset.h"
#include "data/pipeline/sampler.h"
#include "data/pipeline/transform.h"

namespace keel {

struct Batch {
    std::int64_t n = 0;  ///< samples
    int image_size = 0;
    int channels = 0;
    AlignedFloats images;               ///< n x image_size x image_size x channels, normalised, dense NHWC
    std::vector<std::int32_t> labels;   ///< Task::classes: n; else empty
    std::vector<float> targets;         ///< Task::labels: n x label_names().size(), 0 or 1; else empty
    std::vector<std::int64_t> indices;  ///< n, into Dataset::samples(split)
    std::vector<std::string> names;     ///< n, Sample::name
    std::int64_t next_sample = 0;       ///< LoaderOptions::start_sample that continues right behind this batch
    std::int64_t planned = 0;           ///< samples of this step over all ranks, were no picture bad
    std::vector<std::int32_t> parts;    ///< n where the step is cut into parts (ShardOptions), rising; else empty
};

/// A picture that could not be loaded and was skipped.
struct BadImage {
    std::int64_t index;  ///< into Dataset::samples(split)
    std::string name;    ///< Sample::name
    std::string reason;  ///< the error's message
};

/// How many of `images` pictures may be bad: the fraction of them, rounded up.
std::int64_t bad_images_allowed(double fraction, std::int64_t images);

struct LoaderOptions {
    Split split = Split::train;
    TransformOptions transform;
    std::int64_t batch_size = 16;
    bool shuffle = false;
    std::uint64_t seed = 0;         ///< of the shuffle and the augmentation
    std::uint64_t epoch = 0;        ///< likewise
    std::int64_t start_sample = 0;  ///< position within the epoch's order to begin at, over all ranks
    std::int64_t end_sample = -1;   ///< position to end at; negative: the end. For one rank.
    ShardOptions shard;             ///< which of the samples are this rank's; with several it may hand out empty batches
    bool drop_last = false;         ///< leave out a last batch that is not full
    int workers = 2;                ///< threads that decode
    int prefetch = 4;               ///< batches held at most, the one being filled included
    double max_bad = 0.001;         ///< bad pictures tolerated, as a fraction of the split, rounded up
    std::function<void(const BadImage&)> on_bad_image;  ///< called by next(), on its thread, in the order of the epoch
};

/// One epoch over a split. A bad picture is skipped and the batch takes the next sample in its place; where several ranks share the
/// epoch, which must not drift apart, the batch is smaller instead.
class Loader {
public:
    /// Starts decoding. The data set must outlive the loader. Throws UsageError for an option outside its range.
    Loader(const Dataset& dataset, LoaderOptions options);
    /// May be called at any time; waits for the pictures being decoded, no longer.
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// Fills `batch` and reuses its memory; false at the end of the epoch, with `batch` unchanged. Throws InputError once
    /// more than max_bad of the split's pictures were bad, after all batches before that point have been handed out.
    bool next(Batch& batch);

    /// Bad pictures reported so far.
    std::int64_t bad_images() const;

    /// Batches of this epoch if no picture is bad.
    std::int64_t batch_count() const;

private:
    class Pipeline;
    std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace keel
