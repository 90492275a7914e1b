// Trained models that a smaller one learns from: checkpoints, int8 models, ONNX models, several of them as an ensemble.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/batch.h"
#include "embed/loaded_model.h"
#include "embed/predictor.h"

namespace keel {

/// The files that a configuration's text names, with commas between. Throws UsageError for an empty name.
std::vector<std::string> teacher_files(const std::string& text);

/// What teachers say of so many images, one row each: of each teacher the logits of the data's labels, in their order,
/// and behind them, where a map is asked for, the attention (attention_of()) of the first teacher's map, h x w values.
struct TeacherAnswers {
    std::int64_t teachers = 0, labels = 0, h = 0, w = 0;
    std::vector<float> rows{};

    std::int64_t width() const { return teachers * labels + h * w; }
};

class Teachers {
public:
    struct Options {
        std::int64_t batch = 16;               ///< images a call for which kernels are chosen
        Precision precision = Precision::f32;  ///< asked for
        bool map = false;                      ///< attention is asked for
        std::string map_name{};                ///< a module of the first teacher's; empty: its last feature map
    };

    /// Opens the files; names of labels of models that do not say them are the data's. Throws InputError where a model
    /// does not know all labels of the data (of classes: the same), takes other images than theirs can become, or does
    /// not load; UsageError for no file and for a map of a graph, which has no modules.
    Teachers(const std::vector<std::string>& files, const Dataset& dataset, const Options& options);
    ~Teachers();
    Teachers(const Teachers&) = delete;
    Teachers& operator=(const Teachers&) = delete;

    std::int64_t count() const;
    /// What the first teacher takes; the side of its images decides what is told of sizes.
    const ModelSpec& spec(std::size_t teacher) const;
    /// Returns a hash of the files' bytes, the labels asked for, the map and the precision: of all that answers depend
    /// on beside the images.
    const std::string& identity() const { return identity_; }
    /// Whether all teachers read images of files alike, into the same pixels, so that one reading serves all.
    bool same_input() const;
    /// Returns what there is to say of how they were found, for people.
    const std::vector<std::string>& notes() const { return notes_; }

    /// Answers a batch of images as `student` is shown them, which become what each teacher takes: pixels of [0, 1]
    /// again, resized to its side and normalized as it wants. Throws InputError, which names the sample and the
    /// teacher, where there is no finite answer.
    TeacherAnswers answer(const Batch& batch, const ModelSpec& student) const;

private:
    struct Teacher;
    std::vector<std::unique_ptr<Teacher>> teachers_;
    std::string identity_;
    std::vector<std::string> notes_;
    bool map_ = false;
};

}  // namespace keel
