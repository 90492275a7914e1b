// Images as a hospital's devices send them, and what is in the objects that answer them.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "data/formats/dicom/file.h"
#include "serve/dicom/answer.h"
#include "tests/support/dicom_writer.h"

namespace keel::test {

/// A digital X-ray of 40 x 48 pixels of 12 bits, number `seed` of a study: UIDs 1.2.3.4 (study), .5 (series), .6.SEED.
inline DicomWriter xray(int seed) {
    DicomWriter writer;
    writer.grey(48, 40, 12);
    writer.text(0x00080005, "CS", "ISO_IR 100");
    writer.text(0x00080018, "UI", "1.2.3.4.6." + std::to_string(seed));
    writer.text(0x00080020, "DA", "20240131");
    writer.text(0x00080030, "TM", "101500.25");
    writer.text(0x00080050, "SH", "A4711");
    writer.text(0x00080060, "CS", "DX");
    writer.text(0x00080090, "PN", "Doctor^Who");
    writer.text(0x00100010, "PN", "Surname^Given");
    writer.text(0x00100020, "LO", "PID-4711");
    writer.text(0x00100030, "DA", "19470213");
    writer.text(0x00100040, "CS", "F");
    writer.text(0x0020000D, "UI", "1.2.3.4");
    writer.text(0x0020000E, "UI", "1.2.3.4.5");
    writer.text(0x00200010, "SH", "S1");
    writer.text(0x00200013, "IS", std::to_string(seed));
    writer.text(0x00281050, "DS", "2000");
    writer.text(0x00281051, "DS", "3000");
    std::vector<int> values;
    for (int i = 0; i < 40 * 48; ++i) values.push_back((i * (seed + 3) * 7 + i % 48 * 50) % 4096);
    writer.pixels(values);
    return writer;
}

/// Waits until `done`, which another thread makes true; long enough for any machine.
template <class Done>
bool eventually(const Done& done) {
    for (int i = 0; i < 6000; ++i) {
        if (done()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

inline std::string bytes_of(const DicomWriter& writer) {
    const DicomWriter::Bytes bytes = writer.file();
    return {bytes.begin(), bytes.end()};
}

inline dicom::Bytes span_of(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

/// What a model of three labels says of it; with a heatmap where `heat`.
inline dicom_node::Findings sample_findings(bool heat = false) {
    dicom_node::Findings findings;
    findings.model = "chexnet";
    findings.version = "3";
    findings.identity = "0123456789abcdef";
    findings.all = {
        {"Pneumothorax", 0.125F, 0.5, false}, {"Effusion", 0.9876543F, 0.25, true}, {"Odd_Label", 0.5F, {}, {}}};
    findings.rule = "youden";
    if (heat) {
        findings.heat = dicom_node::HeatFinding{1, {4, 4, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0.6F, 1, 0, 0, 0, 0, 0.9F}}};
        findings.image = Image(48, 40, 1);
    }
    return findings;
}

/// The elements of a data set by their tags; sequences as the elements of each item.
struct Parsed {
    std::map<dicom::Tag, std::string> values{};  ///< without the blanks around them
    std::map<dicom::Tag, std::string> raw{};     ///< as they are
    std::map<dicom::Tag, std::vector<Parsed>> items{};

    const std::string& at(dicom::Tag tag) const { return values.at(tag); }
    const Parsed& item(dicom::Tag tag) const { return items.at(tag).at(0); }
};

inline Parsed parse(dicom::Bytes data, dicom::Encoding encoding) {
    Parsed parsed;
    const std::string name = "test";
    dicom::ElementReader reader(data, encoding, name);
    for (dicom::Element element; reader.next(element);) {
        if (!element.is_vr("SQ")) {
            parsed.values[element.tag] = element.text();
            parsed.raw[element.tag].assign(element.value.begin(), element.value.end());
            continue;
        }
        auto& items = parsed.items[element.tag];
        dicom::for_items(element, name, [&](dicom::Bytes item) { items.push_back(parse(item, element.encoding)); });
    }
    return parsed;
}

inline Parsed parse_file(const std::string& file) {
    std::vector<std::uint8_t> inflated;
    const dicom::DataSet set = dicom::find_data_set(span_of(file), inflated, "test");
    return parse(set.data, set.encoding);
}

}  // namespace keel::test
