#include "serve/dicom/modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/error.h"
#include "kernels/version.h"
#include "serve/dicom/identifiers.h"

namespace keel::dicom_node {

using dicom::DataSetWriter;

const Finding& Findings::highest() const {
    if (all.empty()) throw UsageError("[dicom] wanted findings of at least one label");
    return *std::ranges::max_element(all, {}, &Finding::probability);
}

std::string AnswerParts::uid(const std::string& what) const {
    return derived_uid(what + '\n' + source.sop_instance + '\n' + findings.model_key());
}

std::string AnswerParts::series_uid(const std::string& what) const {
    return derived_uid("series " + what + '\n' + source.study + '\n' + findings.model_key());
}

std::string AnswerParts::model_text(std::size_t longest) const {
    return dicom::element_text(findings.model + ' ' + findings.version, longest);
}

AnswerParts answer_parts(const SourceImage& source, const Findings& findings, const AnswerOptions& options,
                         std::time_t now) {
    std::tm local{};
    ::localtime_r(&now, &local);
    AnswerParts parts{source, findings, options};
    std::array<char, 16> text{};
    std::strftime(text.data(), text.size(), "%Y%m%d", &local);
    parts.date = text.data();
    std::strftime(text.data(), text.size(), "%H%M%S", &local);
    parts.time = text.data();
    return parts;
}

DataSetWriter code_item(const Code& code) {
    return DataSetWriter()
        .text(0x00080100, "SH", code.value)
        .text(0x00080102, "SH", code.scheme)
        .text(0x00080104, "LO", code.meaning);
}

DataSetWriter reference_to(const std::string& sop_class, const std::string& sop_instance) {
    return DataSetWriter().text(0x00081150, "UI", sop_class).text(0x00081155, "UI", sop_instance);
}

std::string decimal_text(double value) {
    // Seven digits tell floats apart nearly everywhere, and an exponent of two digits still fits behind them.
    return fmt::format("{:.7g}", value);
}

std::string percent_text(double probability) {
    return fmt::format("{:.1f} %", std::floor(std::clamp(probability, 0.0, 1.0) * 1000) / 10);
}

void set_common(DataSetWriter& object, const AnswerParts& parts, const std::string& sop_class,
                const std::string& series, const std::string& modality, int number) {
    const SourceImage& source = parts.source;
    for (const auto& [tag, vr] : kTakenOver) {
        const bool of_image = tag == kPatientOrientation, unsaid = tag == 0x00080005 && source.text(tag).empty();
        if (!of_image && !unsaid) object.text(tag, vr, source.text(tag));
    }
    object.text(0x00080016, "UI", sop_class)
        .text(0x00080018, "UI", parts.uid(series))
        .text(0x00080012, "DA", parts.date)
        .text(0x00080013, "TM", parts.time)
        .text(0x00080060, "CS", modality)
        .text(0x0020000D, "UI", source.study)
        .text(0x0020000E, "UI", parts.series_uid(series))
        .text(0x00200011, "IS", std::to_string(number))
        .text(0x0008103E, "LO", parts.model_text(40) + ": " + kNotice)
        .text(0x00080070, "LO", "Keel")
        .text(0x00081090, "LO", "Keel")
        .text(0x00181000, "LO", dicom::element_text(parts.findings.identity, 64))
        .text(0x00181020, "LO", KEEL_VERSION);
    if (source.text(0x00200013).empty()) object.text(0x00200013, "IS", "1");
    if (!parts.options.station.empty()) object.text(0x00081010, "SH", parts.options.station);
}

AnswerObject finished(const DataSetWriter& object, const AnswerParts& parts, const std::string& sop_class,
                      const std::string& series, const std::string& name) {
    dicom::FileHead head;
    head.sop_class = sop_class;
    head.sop_instance = parts.uid(series);
    head.implementation = derived_uid("implementation");
    head.version = "KEEL";
    head.source = parts.options.station;
    return {name, sop_class, head.sop_instance, dicom::encode_file_head(head) + object.encoded()};
}

std::string report_uid(const std::string& sop_instance, const std::string& model_key) {
    return derived_uid("report\n" + sop_instance + '\n' + model_key);
}

std::vector<AnswerObject> make_answer(const SourceImage& source, const Findings& findings, const AnswerOptions& options,
                                      std::time_t now) {
    findings.highest();
    const AnswerParts parts = answer_parts(source, findings, options, now);
    std::vector<AnswerObject> objects{make_report(parts)};
    if (options.capture && findings.heat && !findings.image.pixels.empty()) objects.push_back(make_capture(parts));
    if (options.presentation && findings.heat && !source.by_table) objects.push_back(make_marks(parts));
    return objects;
}

}  // namespace keel::dicom_node
