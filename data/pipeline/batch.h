// What a training step works on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/pipeline/aligned.h"
#include "engine/tensor.h"

namespace keel {

inline constexpr float kUnknownTarget = -1;  ///< of Batch::targets; loss and metrics leave such labels out

struct Batch {
    std::int64_t n = 0;  ///< samples
    int image_size = 0;
    int channels = 0;
    AlignedFloats images;               ///< n x image_size x image_size x channels, normalized, dense NHWC
    std::vector<std::int32_t> labels;   ///< Task::classes: n, kUnknownClass where nobody knows; else empty
    std::vector<float> targets;         ///< Task::labels: n x label_names().size(), 0, 1 or kUnknownTarget; else empty
    std::vector<float> soft_targets;    ///< n x label_names().size(), what losses take in place of labels and targets:
                                        ///< of a class a distribution over all, or kUnknownTarget throughout; of
                                        ///< labels each 0 to 1 or kUnknownTarget. Empty unless somebody made them
    std::vector<float> weights;         ///< n, Sample::weight; empty where all are 1
    std::vector<std::int64_t> indices;  ///< n, into Dataset::samples(split)
    std::vector<std::int64_t> draws;    ///< n, what random draws about each sample go by (draw_name()), where an epoch
                                        ///< may have a sample several times; else empty, and they go by the index
    std::vector<std::string> names;     ///< n, Sample::name
    std::int64_t next_sample = 0;       ///< LoaderOptions::start_sample that continues right after this batch
    std::int64_t planned = 0;           ///< samples of this step over all ranks, were no image bad
    std::vector<std::int32_t> parts;    ///< n where the step is cut into parts (ShardOptions), rising; else empty
};

/// Returns the batch's images as a model takes them, {n, image_size, image_size, channels}, copied.
Tensor images_of(const Batch& batch);

/// Returns what random draws about the batch's samples go by, one each.
const std::vector<std::int64_t>& draws_of(const Batch& batch);

/// Returns the batch's own targets, n x labels: soft ones where it has them, else those of labels, or of each class a
/// distribution, kUnknownTarget throughout where nobody knows it. Throws UsageError for a class that is not one of
/// `labels`.
std::vector<float> plain_targets(const Batch& batch, std::int64_t labels);

/// Returns samples [begin, begin + count), `planned` like the batch's own.
Batch part_of_batch(const Batch& batch, std::int64_t begin, std::int64_t count);

/// Returns a batch of one black image of the size of those in `like`, of class 0 and without any of `labels` labels:
/// what a rank without samples runs, so that it takes part in what all ranks do.
Batch dummy_batch(const Batch& like, std::int64_t labels);

}  // namespace keel
