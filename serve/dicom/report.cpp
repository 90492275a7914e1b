// The structured report: an Imaging Measurement Report by template 1500 of PS3.16, a group of measurements each label.
#include <fmt/format.h>

#include "kernels/version.h"
#include "serve/dicom/identifiers.h"
#include "serve/dicom/modules.h"

namespace keel::dicom_node {
namespace {

using dicom::DataSetWriter;
using Items = std::vector<DataSetWriter>;

constexpr const char* kComprehensiveSr = "1.2.840.10008.5.1.4.1.1.88.33";
constexpr const char* kReportSeries = "report";

/// A content item (PS3.3, C.17.3) without its value.
DataSetWriter content(const char* relation, const char* type, const Code& concept_name) {
    DataSetWriter item;
    if (relation != nullptr) item.text(0x0040A010, "CS", relation);
    return item.text(0x0040A040, "CS", type).sequence(0x0040A043, {code_item(concept_name)});
}

DataSetWriter container(const char* relation, const Code& concept_name, const Items& items) {
    return content(relation, "CONTAINER", concept_name).text(0x0040A050, "CS", "SEPARATE").sequence(0x0040A730, items);
}

DataSetWriter code(const char* relation, const Code& concept_name, const Code& value) {
    return content(relation, "CODE", concept_name).sequence(0x0040A168, {code_item(value)});
}

DataSetWriter text(const char* relation, const Code& concept_name, const std::string& value) {
    return content(relation, "TEXT", concept_name).text(0x0040A160, "UT", value);
}

DataSetWriter uid(const char* relation, const Code& concept_name, const std::string& value) {
    return content(relation, "UIDREF", concept_name).text(0x0040A124, "UI", value);
}

DataSetWriter number(const char* relation, const Code& concept_name, double value, const Code& unit,
                     const Items& items) {
    const DataSetWriter measured =
        DataSetWriter().sequence(0x004008EA, {code_item(unit)}).text(0x0040A30A, "DS", decimal_text(value));
    return content(relation, "NUM", concept_name).sequence(0x0040A300, {measured}).sequence(0x0040A730, items);
}

DataSetWriter image(const char* relation, const Code& concept_name, const SourceImage& source) {
    return content(relation, "IMAGE", concept_name)
        .sequence(0x00081199, {reference_to(source.sop_class, source.sop_instance)});
}

/// Who says it: template 1004, a device.
void add_observer(Items& items, const AnswerParts& parts) {
    constexpr const char* kObservationContext = "HAS OBS CONTEXT";
    items.push_back(code(kObservationContext, {"121005", "DCM", "Observer Type"}, {"121007", "DCM", "Device"}));
    items.push_back(uid(kObservationContext, {"121012", "DCM", "Device Observer UID"},
                        derived_uid("device\n" + parts.options.station + '\n' + parts.findings.model_key())));
    items.push_back(text(kObservationContext, {"121013", "DCM", "Device Observer Name"},
                         parts.options.station.empty() ? "Keel" : dicom::element_text(parts.options.station, 16)));
    items.push_back(text(kObservationContext, {"121014", "DCM", "Device Observer Manufacturer"}, "Keel"));
    items.push_back(text(kObservationContext, {"121015", "DCM", "Device Observer Model Name"}, "Keel " KEEL_VERSION));
    items.push_back(text(kObservationContext, {"121016", "DCM", "Device Observer Serial Number"},
                         dicom::element_text(parts.findings.identity, 64)));
}

/// Template 4019: which algorithm.
void add_algorithm(Items& items, const AnswerParts& parts) {
    constexpr const char* kModifier = "HAS CONCEPT MOD";
    const Findings& f = parts.findings;
    items.push_back(text(kModifier, {"111001", "DCM", "Algorithm Name"}, dicom::element_text(f.model, 64)));
    items.push_back(text(kModifier, {"111003", "DCM", "Algorithm Version"}, dicom::element_text(f.version, 64)));
    items.push_back(text(kModifier, {"111002", "DCM", "Algorithm Parameters"},
                         fmt::format("weights {}; {}", dicom::element_text(f.identity, 64),
                                     f.calibrated ? "calibrated probabilities"
                                                  : "probabilities as the model says them, "
                                                    "not calibrated")));
}

/// Template 1501: a label, its probability and, where a threshold was measured, yes or no.
DataSetWriter measurement_group(const AnswerParts& parts, const Finding& finding) {
    const Code label = parts.options.codes.find(finding.label);
    Items items;
    items.push_back(
        text("HAS OBS CONTEXT", {"112039", "DCM", "Tracking Identifier"}, dicom::element_text(finding.label, 64)));
    items.push_back(uid("HAS OBS CONTEXT", {"112040", "DCM", "Tracking Unique Identifier"},
                        parts.uid("tracking " + finding.label)));
    items.push_back(code("CONTAINS", {"121071", "DCM", "Finding"}, label));
    Items about;
    add_algorithm(about, parts);
    about.push_back(image("INFERRED FROM", {"121112", "DCM", "Source of Measurement"}, parts.source));
    items.push_back(number("CONTAINS", {"111012", "DCM", "Certainty of Finding"}, 100.0 * finding.probability,
                           {"%", "UCUM", "Percent"}, about));
    if (finding.call)
        items.push_back(code("CONTAINS", label,
                             *finding.call ? Code{"52101004", "SCT", "Present"} : Code{"272519000", "SCT", "Absent"}));
    return container("CONTAINS", {"125007", "DCM", "Measurement Group"}, items);
}

/// What a reader is to know, in words.
std::string notice(const AnswerParts& parts) {
    const Findings& f = parts.findings;
    std::string all = fmt::format(
        "{}. Computed by a neural network, seen by nobody. Not for diagnosis, nor for "
        "decisions about a patient.",
        kNotice);
    if (!f.multi_label) all += " The labels exclude one another: their probabilities sum to 100 %.";
    if (f.rule.empty()) all += " No thresholds of yes and no were measured for this model.";
    for (const Finding& finding : f.all)
        if (finding.threshold)
            all += fmt::format(" {}: {} from {} on (rule {}).", dicom::element_text(finding.label, 64), "present",
                               percent_text(*finding.threshold), dicom::element_text(f.rule, 32));
    return all;
}

Code modality_code(const std::string& modality) {
    if (modality == "CR") return {"CR", "DCM", "Computed Radiography"};
    if (modality == "DX") return {"DX", "DCM", "Digital Radiography"};
    return {"RG", "DCM", "Radiographic imaging"};
}

/// Template 1600: the image that was looked at.
DataSetWriter image_library(const AnswerParts& parts) {
    const SourceImage& source = parts.source;
    Items group{code("HAS ACQ CONTEXT", {"121139", "DCM", "Modality"}, modality_code(source.text(0x00080060)))};
    if (const std::string& date = source.text(0x00080020); !date.empty())
        group.push_back(
            content("HAS ACQ CONTEXT", "DATE", {"111060", "DCM", "Study Date"}).text(0x0040A121, "DA", date));
    DataSetWriter entry;
    entry.text(0x0040A010, "CS", "CONTAINS")
        .text(0x0040A040, "CS", "IMAGE")
        .sequence(0x00081199, {reference_to(source.sop_class, source.sop_instance)});
    group.push_back(entry);
    return container("CONTAINS", {"111028", "DCM", "Image Library"},
                     {container("CONTAINS", {"126200", "DCM", "Image Library Group"}, group)});
}

Items root_items(const AnswerParts& parts) {
    Items items{code("HAS CONCEPT MOD", {"121049", "DCM", "Language of Content Item and Descendants"},
                     {"en", "RFC5646", "English"})};
    add_observer(items, parts);
    items.push_back(
        code("HAS CONCEPT MOD", {"121058", "DCM", "Procedure reported"}, {"363679005", "SCT", "Imaging procedure"}));
    items.push_back(image_library(parts));
    Items groups;
    for (const Finding& finding : parts.findings.all) groups.push_back(measurement_group(parts, finding));
    items.push_back(container("CONTAINS", {"126010", "DCM", "Imaging Measurements"}, groups));
    items.push_back(container("CONTAINS", {"C0034375", "UMLS", "Qualitative Evaluations"},
                              {text("CONTAINS", {"121106", "DCM", "Comment"}, notice(parts))}));
    return items;
}

/// The objects that the report speaks of, by study and series (PS3.3, table C.17-3).
DataSetWriter evidence(const SourceImage& source) {
    const DataSetWriter series = DataSetWriter()
                                     .sequence(0x00081199, {reference_to(source.sop_class, source.sop_instance)})
                                     .text(0x0020000E, "UI", source.series);
    return DataSetWriter().sequence(0x00081115, {series}).text(0x0020000D, "UI", source.study);
}

}  // namespace

AnswerObject make_report(const AnswerParts& parts) {
    DataSetWriter object = container(nullptr, {"126000", "DCM", "Imaging Measurement Report"}, root_items(parts));
    set_common(object, parts, kComprehensiveSr, kReportSeries, "SR", 9101);
    object.sequence(0x00081111, {})
        .sequence(0x0040A372, {})
        .sequence(0x0040A375, {evidence(parts.source)})
        .sequence(0x0040A504, {DataSetWriter().text(0x00080105, "CS", "DCMR").text(0x0040DB00, "CS", "1500")})
        .text(0x0040A491, "CS", "COMPLETE")
        .text(0x0040A493, "CS", "UNVERIFIED")
        .text(0x00080023, "DA", parts.date)
        .text(0x00080033, "TM", parts.time)
        .sequence(0x00080110, {DataSetWriter()
                                   .text(0x00080102, "SH", kOwnScheme)
                                   .text(0x00080115, "ST", "Keel: labels of models, which define nothing")
                                   .text(0x00080116, "ST", "Keel")});
    return finished(object, parts, kComprehensiveSr, kReportSeries, "report.dcm");
}

}  // namespace keel::dicom_node
