// Trainings of a moment: a network of two layers, and data sets that are drawn, not read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/batch.h"
#include "train/train_config.h"
#include "train/train_state.h"

namespace keel::test {

/// A convolution of 3x3 with a batch norm, the mean of each channel, a linear layer: {n, h, w, 1} to {n, 3}.
std::unique_ptr<nn::Module> tiny_network(std::uint64_t seed);

/// What a run of the tiny network has, with momentum, an average of its weights and softmax cross-entropy.
TrainState tiny_state(std::uint64_t seed = 1);

/// `n` drawn images of 6 x 6 with classes below 3; equal seeds make batches of which the longer begins with the
/// shorter.
Batch tiny_batch(std::int64_t n, std::uint64_t seed);

/// A batch without images, of which each label's target is given.
inline Batch labels_of(std::int64_t n, std::vector<float> targets) {
    Batch batch;
    batch.n = n;
    batch.targets = std::move(targets);
    return batch;
}

/// Names and bytes of tensors.
std::string bytes_of(const std::vector<NamedTensor>& tensors);

/// Grey images of 32 x 32 in memory, so many in the training and the validation split; two classes that differ in
/// brightness, or as many labels.
std::unique_ptr<Dataset> drawn_images(std::int64_t train, std::int64_t val, Task task = Task::classes);

/// A run of ResNet18 over two epochs of drawn_images(), in batches of 4; it writes nothing where `out` is empty.
TrainConfig small_config(const std::string& out = "");

}  // namespace keel::test
