#include "serve/dicom/source.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/formats/dicom/writer.h"
#include "kernels/error.h"

namespace keel::dicom_node {
namespace {

using dicom::Element;
using dicom::Tag;

constexpr Tag kClass = 0x00080016, kInstance = 0x00080018, kStudy = 0x0020000D, kSeries = 0x0020000E,
              kCaptureMaker = 0x00181016;
constexpr std::size_t kLongest = 1024;  // bytes of a value; the longest that the standard knows, a name, has less

bool only(const std::string& text, const char* letters) { return text.find_first_not_of(letters) == text.npos; }

/// Whether a value is one of its kind, as far as whoever reads the answer depends on it.
bool is_value(const std::string& vr, const std::string& text) {
    constexpr const char* kDigits = "0123456789";
    if (text.size() > kLongest) return false;
    if (vr == "DA") return text.size() == 8 && only(text, kDigits);
    if (vr == "TM") return text.size() <= 16 && only(text, "0123456789.");
    if (vr == "CS") return only(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \\");
    if (vr == "IS") return text.size() <= 12 && only(text, "+-0123456789");
    if (vr == "AS") return text.size() == 4;
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 && byte != 0x1B;  // escapes switch character sets (ISO 2022)
    });
}

void take_text(SourceImage& source, const Element& element) {
    const auto wanted = kTakenOver.find(element.tag);
    if (wanted == kTakenOver.end()) return;
    const std::string text = element.value.size() > kLongest ? std::string(kLongest + 1, '?') : element.text();
    if (text.empty()) return;
    if (is_value(wanted->second, text))
        source.texts[element.tag] = text;
    else
        source.left_out.push_back(element.tag);
}

std::string uid_of(const Element& element, const std::string& what, const std::string& name) {
    const std::string text = element.value.size() > 65 ? std::string() : element.text();
    if (!dicom::is_uid(text)) throw InputError("[dicom] " + name + ": its " + what + " UID is none");
    return text;
}

void read_identity(SourceImage& source, dicom::Bytes file, const std::string& name) {
    std::vector<std::uint8_t> inflated;
    const dicom::DataSet set = dicom::find_data_set(file, inflated, name);
    dicom::ElementReader reader(set.data, set.encoding, name);
    for (const auto& [tag, vr] : kTakenOver) source.texts[tag];
    for (Element element; reader.next(element);) {
        if (element.tag == kClass) source.sop_class = uid_of(element, "SOP class", name);
        if (element.tag == kInstance) source.sop_instance = uid_of(element, "SOP instance", name);
        if (element.tag == kStudy) source.study = uid_of(element, "study instance", name);
        if (element.tag == kSeries) source.series = uid_of(element, "series instance", name);
        if (element.tag == kCaptureMaker) source.made_by_keel = element.text() == "Keel";
        take_text(source, element);
    }
    for (const auto& [uid, what] : {std::pair(&source.sop_class, "SOP class"),
                                    {&source.sop_instance, "SOP instance"},
                                    {&source.study, "study instance"},
                                    {&source.series, "series instance"}})
        if (uid->empty()) throw InputError("[dicom] " + name + ": wanted its " + what + " UID, it has none");
}

/// The values that are shown from black to white: the file's window, the range of its table, else all that its bits
/// can say.
dicom::Window shown_window(const dicom::Attributes& a) {
    if (a.window_center && a.window_width && *a.window_width >= 1)
        return {*a.window_center, *a.window_width, a.window_shape};
    if (a.voi_lut && !a.voi_lut->entries.empty()) {
        const auto count = static_cast<double>(a.voi_lut->entries.size());
        return {a.voi_lut->first + count / 2, count, dicom::WindowShape::linear};
    }
    const double values = std::ldexp(1.0, a.stored), lowest = a.is_signed ? -values / 2 : 0;
    const double slope = a.slope.value_or(1), from = slope * lowest + a.intercept.value_or(0);
    const double width = std::max(1.0, std::abs(slope) * values);
    return {from + slope * values / 2, width, dicom::WindowShape::linear};
}

}  // namespace

const std::map<Tag, const char*> kTakenOver{
    {0x00080005, "CS"},  // character set
    {0x00080020, "DA"},  // study: date, time, accession number, referring physician, description
    {0x00080030, "TM"}, {0x00080050, "SH"},          {0x00080060, "CS"}, {0x00080090, "PN"},
    {0x00081030, "LO"}, {0x00100010, "PN"},  // patient: name, id, who gave it, birth date, sex, age
    {0x00100020, "LO"}, {0x00100021, "LO"},          {0x00100030, "DA"}, {0x00100040, "CS"},
    {0x00101010, "AS"}, {0x00200010, "SH"},  // the study's id, the image's number, how it lies
    {0x00200013, "IS"}, {kPatientOrientation, "CS"},
};

SourceImage read_source(dicom::Bytes bytes, const std::string& name) {
    if (!dicom::begins_as_dicom(bytes)) throw InputError("[dicom] " + name + ": wanted a DICOM file, it is none");
    SourceImage source;
    read_identity(source, bytes, name);
    const dicom::File file = dicom::read_dicom(bytes, name);
    const dicom::Attributes& a = file.attributes;
    if (a.rows < 1 || a.columns < 1)
        throw InputError("[dicom] " + name + ": wanted an image, it has no rows or columns");
    source.rows = a.rows;
    source.columns = a.columns;
    source.inverted = a.inverse || a.photometric == "MONOCHROME1";
    source.slope = a.slope.value_or(1);
    source.intercept = a.intercept.value_or(0);
    source.by_table = a.modality_lut.has_value();
    source.window = shown_window(a);
    return source;
}

void check_claim(const SourceImage& source, const ClaimedObject& claim, const std::string& name) {
    if (source.sop_class != claim.sop_class)
        throw InputError("[dicom] " + name + ": the sender announced another SOP class than the object has");
    if (source.sop_instance != claim.sop_instance)
        throw InputError("[dicom] " + name + ": the sender announced another SOP instance than the object has");
}

}  // namespace keel::dicom_node
