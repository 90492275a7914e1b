// The objects that an image is answered with: a structured report of what a model says of it, and, if they are wanted,
// a secondary capture of the heatmap and a presentation state that marks the place in the image itself.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "data/image.h"
#include "embed/heatmap.h"
#include "serve/dicom/codes.h"
#include "serve/dicom/source.h"

namespace keel::dicom_node {

/// What stands where a person sees it: in the report, in the image, in the names of the series.
inline constexpr const char* kNotice = "NOT A MEDICAL DEVICE";

struct Finding {
    std::string label{};
    float probability = 0;
    std::optional<double> threshold{};  ///< from which on it is a yes
    std::optional<bool> call{};
};

/// Where in the image a label is seen.
struct HeatFinding {
    std::size_t finding = 0;
    HeatGrid grid{};
};

/// What a model says of an image.
struct Findings {
    std::string model{}, version{};
    std::string identity{};  ///< of the weights, so that another model of the same name makes other objects
    bool multi_label = true;
    bool calibrated = false;
    std::string rule{};  ///< that the thresholds follow; empty: none
    std::vector<Finding> all{};
    std::optional<HeatFinding> heat{};
    Image image{};  ///< as the model's input was read, for the capture; empty: none is wanted

    /// Tells this model from any other.
    std::string model_key() const { return model + '\n' + version + '\n' + identity; }
    /// Returns the finding of the highest probability. Throws UsageError where there is none.
    const Finding& highest() const;
};

struct AnswerOptions {
    LabelCodes codes{};
    bool capture = false;       ///< the heatmap as an image
    bool presentation = false;  ///< the place marked in the image itself
    std::string station{};      ///< the node's application entity title; empty: none
};

struct AnswerObject {
    std::string name{};  ///< of its file: report.dcm, heatmap.dcm, marks.dcm
    std::string sop_class{}, sop_instance{};
    std::string file{};  ///< its bytes
};

/// Returns the UID of the report that answers an image, by which a repeated answer is known.
std::string report_uid(const std::string& sop_instance, const std::string& model_key);

/// Returns the report, then what else is wanted and can be made: a capture and marks want findings.heat, marks an image
/// whose grey levels follow from a slope and an intercept. `now`: when it is computed. The objects' UIDs follow from
/// the image's and the model: who answers again makes the same. Throws UsageError for findings without a label.
std::vector<AnswerObject> make_answer(const SourceImage& source, const Findings& findings, const AnswerOptions& options,
                                      std::time_t now);

}  // namespace keel::dicom_node
