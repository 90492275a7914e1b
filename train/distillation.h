// Training with teachers: what `keel train --teacher` adds to a run. The configuration says it all:
//
//     TrainConfig config;
//     config.model = "resnet18";
//     config.teacher = "densenet121.safetensors,ensemble2.onnx";  // files, with commas between
//     config.temperature = 2;
//     config.teacher_weight = 0.7;  // of the teachers' part of the loss; the labels' is 1 - this
//     config.teacher_cache = "answers";  // a folder that runs share; empty: the run's own
//     const TrainResult result = Trainer(config).run();
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "distributed/world.h"
#include "models/model_spec.h"
#include "train/distill/teacher_cache.h"
#include "train/distill/teachers.h"
#include "train/loss.h"
#include "train/train_config.h"

namespace keel {

/// Returns why answers of teachers cannot be kept from epoch to epoch, for people: an augmentation that shows a sample
/// in another way each time. Empty: they can, of two views where images are mirrored.
std::string why_not_kept(const TrainConfig& config);

/// Teachers of a run, and what they said so far.
class Distillation {
public:
    /// Opens the configuration's teachers for a student of that spec. Throws as Teachers' constructor does.
    Distillation(const TrainConfig& config, const Dataset& dataset, const ModelSpec& student);
    ~Distillation();
    Distillation(const Distillation&) = delete;
    Distillation& operator=(const Distillation&) = delete;

    /// Returns (1 - teacher_weight) * labels + teacher_weight * distillation_loss() + hint_weight * attention_loss().
    /// Keeps this object.
    static std::shared_ptr<const Loss> loss(std::shared_ptr<Distillation> of, std::shared_ptr<const Loss> labels);

    /// Returns all that the teachers' part of the loss depends on, for checkpoints.
    const std::string& identity() const;
    /// What there is to say of them at the run's start, for people.
    const std::vector<std::string>& notes() const;

    struct Asking {
        std::function<bool()> stop{};                                        ///< asked between batches
        std::function<void(std::int64_t done, std::int64_t total)> progress{};  ///< of images, of all ranks
        std::function<void(const std::string&)> remark{};                    ///< sentences
        std::function<void(const BadImage&)> on_bad_image{};
    };
    /// Asks the teachers about all training samples, where answers can be kept; each rank a part, all get all. What is
    /// in the cache's file is not asked again. Returns false as soon as `stop` says so on one rank: what was said until
    /// then is in the file. All ranks call this together. Throws what Loader and Teachers::answer() throw.
    bool prepare(World& world, const Dataset& dataset, const Asking& asking);

private:
    friend class DistillationLoss;
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace keel
