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

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/loader.h"
#include "data/pipeline/sampler.h"
#include "distributed/world.h"
#include "models/model_spec.h"
#include "train/distill/teacher_cache.h"
#include "train/distill/teachers.h"
#include "train/loss.h"
#include "train/train_config.h"

namespace keel {

/// Returns why answers of teachers cannot be kept from epoch to epoch, for people: augmentations that show a sample in
/// another way each time. Empty: they can, of two views where images are mirrored.
std::string why_not_kept(const TrainConfig& config);

/// What Distillation::prepare() would take.
struct TeacherTime {
    std::int64_t images = 0;  ///< that it would ask about; 0: none, as none are kept or all answers are there already
    std::int64_t views = 0;   ///< of each
    double begin = 0;         ///< seconds before the first one
    double an_image = 0;      ///< seconds of an image in all its views, of a rank, reading it included
};

/// Teachers of a run, and what they said so far.
class Distillation {
public:
    /// Opens the configuration's teachers for a student of that spec. Throws as Teachers' constructor does.
    Distillation(const TrainConfig& config, const Dataset& dataset, const ModelSpec& student);
    ~Distillation();
    Distillation(const Distillation&) = delete;
    Distillation& operator=(const Distillation&) = delete;

    /// Returns (1 - teacher_weight) * labels + teacher_weight * distillation_loss() + hint_weight * attention_loss(),
    /// which keeps `of`; `student` must outlive it. Throws UsageError where the student has no layer of the name of the
    /// hint's.
    static std::shared_ptr<const Loss> loss(const std::shared_ptr<const Distillation>& of,
                                            std::shared_ptr<const Loss> labels, nn::Module& student);

    /// Returns a hash of all that answers depend on beside the images, for checkpoints.
    const std::string& identity() const;
    /// Returns what there is to say of the teachers at the run's start, for people.
    const std::vector<std::string>& notes() const;

    struct Asking {
        std::function<bool()> stop{};                                           ///< asked between batches
        std::function<void(std::int64_t done, std::int64_t total)> progress{};  ///< of images, of all ranks
        std::function<void(const std::string&)> note{}, remark{};               ///< take sentences, of warnings the 2nd
        std::function<void(const BadImage&)> on_bad_image{};
        std::function<void(std::int64_t images)> on_batch{};  ///< of this rank's that have answers now
    };
    /// Asks the teachers about all training samples, where answers can be kept; each rank a part, all get all. What is
    /// in the cache's file is not asked again. Returns false, on all ranks, as soon as `stop` says so on one: what was
    /// said until then is in the file. All ranks call this together. Throws what Loader and Teachers::answer() throw.
    bool prepare(World& world, const Dataset& dataset, const Asking& asking);

    /// Asks for so many seconds in place of prepare(), which does nothing from then on: answers() says zeros of the
    /// samples that were not asked about, for steps that are measured and thrown away. No file is written. All ranks
    /// call this together. Throws what prepare() does.
    TeacherTime rehearse(World& world, const Dataset& dataset, double seconds);

    /// Returns whether answers are kept from epoch to epoch; else the teachers are asked in every step.
    bool keeps_answers() const { return views_ > 0; }
    /// Returns the bytes of all answers that are kept.
    std::int64_t kept_bytes() const { return kept_bytes_; }

    /// Returns what the teachers say of a batch as the student sees it: what was kept of its samples, where that can
    /// be, else what they answer. Called within the RngScope of the batch's forward pass.
    TeacherAnswers answers(const Batch& batch) const;

    const TrainConfig& config() const { return config_; }
    const ModelSpec& student() const { return student_; }

private:
    TeacherAnswers kept(const Batch& batch) const;
    /// Makes the cache, with what its file holds, of which `remark` hears; returns the file, empty where there is none.
    std::filesystem::path open_cache(World& world, const Dataset& dataset,
                                     const std::function<void(const std::string&)>& remark);
    /// Asks about samples, whose rows it fills; false where `stop` says so.
    bool ask(const Dataset& dataset, Slice samples, const Asking& asking);
    /// Asks about a chunk of them on all ranks, which all have all rows then; false on all where one must stop.
    bool ask_chunk(World& world, const Dataset& dataset, Slice chunk, const Asking& asking);

    TrainConfig config_;
    ModelSpec student_;
    Teachers teachers_;
    std::int64_t views_ = 0;  // of each image that are kept; 0: nothing is
    std::int64_t kept_bytes_ = 0;
    std::optional<TeacherCache> cache_;  // from prepare() on
    bool rehearsed_ = false;
    std::vector<std::string> notes_;
};

}  // namespace keel
