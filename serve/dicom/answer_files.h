// keel predict --dicom-out: the objects that a node would answer with, as files.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "embed/class_activation.h"
#include "embed/image_scorer.h"
#include "serve/dicom/answer.h"

namespace keel::dicom_node {

class AnswerFiles {
public:
    /// `checkpoints` are those of the scorer. Throws UsageError where a heatmap is wanted of several, and what
    /// load_model() throws where one of a model that has none.
    AnswerFiles(std::string folder, AnswerOptions options, const ImageScorer& scorer,
                const std::vector<std::string>& checkpoints, bool calibrated);

    /// Writes the answer to the DICOM file `path` as DIR/NAME.report.dcm, DIR/NAME.heatmap.dcm and DIR/NAME.marks.dcm,
    /// with a number where two images have the same name; returns the files, none where `path` is no DICOM image
    /// (failures()). `inputs` as the scorer made them, `probabilities` and `calls` of this image. Throws IoError.
    std::vector<std::string> write(const std::string& path, const ImageScorer::Inputs& inputs,
                                   std::span<const float> probabilities, std::span<const std::optional<bool>> calls);

    /// Which images were not answered, and why, for people.
    const std::vector<std::string>& failures() const { return failures_; }

private:
    std::vector<AnswerObject> answer(const std::string& path, const ImageScorer::Inputs& inputs,
                                     Findings findings) const;
    HeatGrid heat(const Tensor& input, std::size_t label) const;

    const std::string folder_;
    const AnswerOptions options_;
    const ImageScorer& scorer_;
    std::string model_, identity_;
    bool calibrated_;
    std::optional<ClassActivation> activation_;
    std::set<std::string> names_;
    std::vector<std::string> failures_;
};

}  // namespace keel::dicom_node
