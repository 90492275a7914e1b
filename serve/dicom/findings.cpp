#include "serve/dicom/findings.h"

#include <algorithm>

#include "engine/files.h"
#include "engine/hash.h"

namespace keel::dicom_node {

std::string identity_of(const std::vector<std::string>& files) {
    Hash hash;
    std::vector<std::byte> part(std::size_t{1} << 20);
    for (const std::string& path : files) {
        const InputFile file(path);
        hash.add(std::to_string(file.size()) + '\n');
        for (std::uint64_t at = 0; at < file.size(); at += part.size()) {
            const auto bytes = std::span(part).first(std::min<std::uint64_t>(part.size(), file.size() - at));
            file.read(at, bytes);
            hash.add(bytes);
        }
    }
    return hash.hex();
}

Findings findings_of(const ImageScorer& scorer, std::span<const float> probabilities,
                     std::span<const std::optional<bool>> calls) {
    const ModelSpec& spec = scorer.spec();
    Findings findings;
    findings.multi_label = spec.multi_label;
    findings.rule = scorer.rule();
    for (std::size_t i = 0; i < spec.label_names.size(); ++i) {
        Finding finding{spec.label_names[i], probabilities[i], std::nullopt, std::nullopt};
        if (i < scorer.thresholds().size()) finding.threshold = scorer.thresholds()[i];
        if (i < calls.size()) finding.call = calls[i];
        findings.all.push_back(finding);
    }
    return findings;
}

}  // namespace keel::dicom_node
