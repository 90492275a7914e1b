#include "data/sources/dicom_patients.h"

#include <sys/random.h>

#include <array>
#include <map>
#include <utility>

#include <xxhash.h>

#include "data/formats/dicom/patient.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Digest = std::pair<std::uint64_t, std::uint64_t>;

/// A hash under a secret that only this process knows, and that dies with it: numbers of patients are few, and a hash
/// without a secret is as good as the number.
Digest digest_of(const std::string& patient) {
    static const auto secret = [] {
        std::array<std::uint8_t, XXH3_SECRET_SIZE_MIN> bytes{};
        if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
            throw IoError("[dicom] the system has no random numbers");
        return bytes;
    }();
    const XXH128_hash_t hash = XXH3_128bits_withSecret(patient.data(), patient.size(), secret.data(), secret.size());
    return {hash.high64, hash.low64};
}

}  // namespace

std::vector<std::string> dicom_patient_groups(std::span<const std::string> files, std::span<const std::string> names) {
    std::map<Digest, std::string> first;
    std::vector<std::string> groups(files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string patient = dicom::patient_of(files[i]);
        if (!patient.empty()) groups[i] = first.try_emplace(digest_of(patient), names[i]).first->second;
    }
    return groups;
}

void group_by_dicom_patient(std::span<std::vector<Sample>> splits) {
    std::vector<std::string> files, names;
    std::vector<Sample*> samples;
    for (std::vector<Sample>& split : splits)
        for (Sample& sample : split)
            if (sample.patient.empty() && !sample.file.empty()) {
                files.push_back(sample.file);
                names.push_back(sample.name);
                samples.push_back(&sample);
            }
    std::vector<std::string> groups = dicom_patient_groups(files, names);
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i]->patient = std::move(groups[i]);
}

}  // namespace keel
