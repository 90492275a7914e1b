// Small sets of images with tables, for the tests of the sources that read them.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "tests/data/files.h"

namespace keel::test {

/// Writes grey images of 8 x 8 pixels under these names.
inline void write_images(const TemporaryFolder& folder, const std::vector<std::string>& names) {
    std::uint64_t seed = 1;
    for (const std::string& name : names) write_bytes(folder / name, encode_png(noise_image(8, 8, 1, seed++)));
}

/// Options of which these are not the defaults.
inline DatasetOptions with(const std::vector<std::pair<std::string DatasetOptions::*, std::string>>& values) {
    DatasetOptions options;
    for (const auto& [member, value] : values) options.*member = value;
    return options;
}

/// The samples of all splits by name.
inline std::map<std::string, Sample> samples_of(const Dataset& data) {
    std::map<std::string, Sample> samples;
    for (const Split split : kSplits)
        for (const Sample& sample : data.samples(split)) samples[sample.name] = sample;
    return samples;
}

inline std::vector<std::string> names_in(const Dataset& data, Split split) {
    std::vector<std::string> names;
    for (const Sample& sample : data.samples(split)) names.push_back(sample.name);
    return names;
}

/// The remarks, a line each, warnings with a `!`.
inline std::string remarks_of(const Dataset& data) {
    std::string text;
    for (const Remark& remark : data.remarks()) text += (remark.warning ? "! " : "") + remark.text + "\n";
    return text;
}

/// What a refusal says; nothing where the set is opened.
inline std::string refusal_of(const std::string& spec, const DatasetOptions& options = {}) {
    try {
        open_dataset(spec, options);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

/// The labels that a sample shows, those not known with a `?`, joined by blanks.
inline std::string labels_of(const Dataset& data, const Sample& sample) {
    std::string text;
    for (std::size_t i = 0; i < data.label_names().size(); ++i)
        if (!sample.is_known(i) || sample.is_present(i))
            text += (text.empty() ? "" : " ") + data.label_names()[i] + (sample.is_known(i) ? "" : "?");
    return text;
}

}  // namespace keel::test
