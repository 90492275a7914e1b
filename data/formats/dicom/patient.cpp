#include "data/formats/dicom/patient.h"

#include <algorithm>
#include <vector>

#include "data/formats/decode.h"
#include "data/formats/dicom/file.h"
#include "engine/files.h"
#include "kernels/error.h"

namespace keel::dicom {
namespace {

constexpr Tag kPatient = 0x00100020, kIssuer = 0x00100021, kBeyond = 0x00100022;

/// Reads the elements of `bytes`, which may be a file's beginning alone. Returns whether it came as far as wanted.
bool read_patient(Bytes bytes, std::string& patient) {
    patient.clear();
    std::string id, issuer;
    bool complete = false;
    try {
        std::vector<std::uint8_t> inflated;
        const std::string name;
        const DataSet set = find_data_set(bytes, inflated, name);
        ElementReader reader(set.data, set.encoding, name);
        for (Element element; !complete && reader.next(element);) {
            if (element.tag == kPatient) id = element.text();
            if (element.tag == kIssuer) issuer = element.text();
            complete = element.tag >= kBeyond;
        }
    } catch (const InputError&) {
        // Damaged, or longer than what was read.
    }
    if (!id.empty()) patient = id + '\n' + issuer;
    return complete;
}

}  // namespace

std::string patient_of(const std::string& path) {
    constexpr std::uint64_t kFirst = 1 << 14;
    std::string patient;
    try {
        const InputFile file(path);
        for (std::uint64_t size = std::min(kFirst, file.size());;) {
            std::vector<std::uint8_t> bytes(size);
            file.read(0, std::as_writable_bytes(std::span(bytes)));
            if (!begins_as_dicom(bytes) || read_patient(bytes, patient) || size == file.size()) break;
            if (file.size() > static_cast<std::uint64_t>(kMaxImageFileBytes)) break;
            size = file.size();  // long private elements, or a deflated data set
        }
    } catch (const StorageError&) {
        throw;  // a patient that is not known would be in two splits
    } catch (const Error&) {
        patient.clear();
    }
    return patient;
}

}  // namespace keel::dicom
