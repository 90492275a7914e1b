#include "data/pipeline/batch.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>

#include "kernels/error.h"

namespace keel {

Tensor images_of(const Batch& batch) {
    return Tensor::from(std::span<const float>(batch.images.data(), batch.images.size()),
                        {batch.n, batch.image_size, batch.image_size, batch.channels});
}

const std::vector<std::int64_t>& draws_of(const Batch& batch) {
    return batch.draws.empty() ? batch.indices : batch.draws;
}

std::vector<float> plain_targets(const Batch& batch, std::int64_t labels) {
    if (!batch.soft_targets.empty()) return batch.soft_targets;
    if (!batch.targets.empty()) return batch.targets;
    std::vector<float> targets(batch.labels.size() * static_cast<std::size_t>(labels));
    auto row = targets.begin();
    for (const std::int32_t label : batch.labels) {
        if (label >= labels)
            throw UsageError("[batch] class " + std::to_string(label) + " is not one of " + std::to_string(labels));
        if (label < 0)
            std::fill_n(row, labels, kUnknownTarget);
        else
            row[label] = 1;
        row += labels;
    }
    return targets;
}

Batch part_of_batch(const Batch& batch, std::int64_t begin, std::int64_t count) {
    Batch part;
    part.n = count;
    part.image_size = batch.image_size;
    part.channels = batch.channels;
    part.planned = batch.planned;
    const auto copy = [&](const auto& from, auto& to) {
        const std::ptrdiff_t each = std::ssize(from) / batch.n;
        to.assign(from.begin() + begin * each, from.begin() + (begin + count) * each);
    };
    copy(batch.images, part.images);
    copy(batch.labels, part.labels);
    copy(batch.targets, part.targets);
    copy(batch.soft_targets, part.soft_targets);
    copy(batch.weights, part.weights);
    copy(batch.indices, part.indices);
    copy(batch.draws, part.draws);
    copy(batch.names, part.names);
    return part;
}

Batch dummy_batch(const Batch& like, std::int64_t labels) {
    Batch batch;
    batch.n = 1;
    batch.image_size = like.image_size;
    batch.channels = like.channels;
    batch.planned = like.planned;
    batch.images.assign(static_cast<std::size_t>(like.image_size) * static_cast<std::size_t>(like.image_size) *
                            static_cast<std::size_t>(like.channels),
                        0.0F);
    batch.labels = {0};
    batch.targets.assign(static_cast<std::size_t>(labels), 0.0F);
    if (!like.soft_targets.empty()) {
        batch.soft_targets.assign(static_cast<std::size_t>(labels), 0.0F);
        batch.soft_targets[0] = 1;  // a distribution, where the labels are classes
    }
    batch.weights.assign(like.weights.empty() ? 0 : 1, 1.0F);
    batch.indices = {0};
    batch.names = {""};
    return batch;
}

}  // namespace keel
