// Trained models that a smaller one learns from: checkpoints, int8 models, ONNX models, several of them as an ensemble.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/batch.h"
#include "engine/precision.h"
#include "models/model_spec.h"

namespace keel {

/// Returns the files that a configuration's text names, with commas between. Throws UsageError for an empty name.
std::vector<std::string> teacher_files(const std::string& text);

/// What teachers say of some images, a row each: of each teacher the logits of the data's labels, in their order, and
/// behind them, where a map is asked for, the attention (attention_of()) of the first teacher's, h x w values.
struct TeacherAnswers {
    std::int64_t teachers = 0, labels = 0, h = 0, w = 0;
    std::vector<float> rows{};

    std::int64_t width() const { return teachers * labels + h * w; }
};

class Teachers {
public:
    struct Options {
        std::int64_t batch = 16;               ///< images a call for which kernels are chosen
        Precision precision = Precision::f32;  ///< asked for; what a model runs in its Runtime says
        bool map = false;                      ///< attention is asked for
        std::string map_name{};                ///< of a module of the first teacher's; empty: its last feature map
    };

    /// Opens the files; models that do not say their labels have the data's. Throws InputError where a model does not
    /// know all labels of the data (of classes: the same), takes images that theirs cannot become, is a graph where a
    /// map of it is asked for, or does not load; UsageError for no file and a module that it does not have.
    Teachers(const std::vector<std::string>& files, const Dataset& dataset, const Options& options);
    ~Teachers();
    Teachers(const Teachers&) = delete;
    Teachers& operator=(const Teachers&) = delete;

    /// Returns answers without rows: how many of what each will have.
    const TeacherAnswers& form() const { return form_; }
    /// Returns what images are to be read as where they are read for the teachers alone: as for the one that takes the
    /// largest.
    const ModelSpec& shown() const;
    /// Returns a hash of all that answers depend on beside the images: the models' numbers, which of their outputs are
    /// taken, what they compute in.
    const std::string& identity() const { return identity_; }
    /// Returns what there is to say of them, for people.
    const std::vector<std::string>& notes() const { return notes_; }

    /// Answers a batch of images that were made for a model of spec `shown`; they become what each teacher takes:
    /// pixels of [0, 1] again, resized to its side and normalized as it wants. Throws InputError, which names the
    /// sample and the teacher, where there is no finite answer.
    TeacherAnswers answer(const Batch& batch, const ModelSpec& shown) const;

private:
    struct Teacher;
    std::vector<std::unique_ptr<Teacher>> teachers_;
    TeacherAnswers form_;
    std::string identity_;
    std::vector<std::string> notes_;
};

}  // namespace keel
