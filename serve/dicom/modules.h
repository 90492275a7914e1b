// Parts that several kinds of objects have in common (the modules of PS3.3), and items of sequences.
#pragma once

#include <ctime>
#include <string>

#include "data/formats/dicom/writer.h"
#include "serve/dicom/answer.h"

namespace keel::dicom_node {

/// What all objects of an answer are made from.
struct AnswerParts {
    const SourceImage& source;
    const Findings& findings;
    const AnswerOptions& options;
    std::string date{}, time{};  ///< now, in the machine's time zone, as elements have them

    /// A UID of this answer. `what` tells those of one answer apart.
    std::string uid(const std::string& what) const;
    /// That of a series of the image's study, which answers of the same model to other images of it share.
    std::string series_uid(const std::string& what) const;
    /// "chexnet 3" for people, of at most so many letters.
    std::string model_text(std::size_t longest) const;
};
AnswerParts answer_parts(const SourceImage& source, const Findings& findings, const AnswerOptions& options,
                         std::time_t now);

/// An element that refers to a code (a sequence of one item).
dicom::DataSetWriter code_item(const Code& code);
/// A reference to an object: class and instance.
dicom::DataSetWriter reference_to(const std::string& sop_class, const std::string& sop_instance);
/// "0.973214" in at most 16 letters, as elements of decimal text (DS) want it.
std::string decimal_text(double value);
/// "97.3 %", cut off and not rounded up to 100.
std::string percent_text(double probability);

/// Sets what all objects have: patient, study, series, equipment, and the object itself. `series` tells series of one
/// answer apart, `number` is the series' in the study.
void set_common(dicom::DataSetWriter& object, const AnswerParts& parts, const std::string& sop_class,
                const std::string& series, const std::string& modality, int number);

/// Returns the file of an object that set_common() was called for.
AnswerObject finished(const dicom::DataSetWriter& object, const AnswerParts& parts, const std::string& sop_class,
                      const std::string& series, const std::string& name);

AnswerObject make_report(const AnswerParts& parts);
AnswerObject make_capture(const AnswerParts& parts);
AnswerObject make_marks(const AnswerParts& parts);

}  // namespace keel::dicom_node
