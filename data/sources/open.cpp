#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "data/dataset.h"
#include "data/sources/table.h"
#include "engine/paths.h"
#include "kernels/error.h"

namespace keel {

std::unique_ptr<Dataset> open_dataset(const std::string& spec, const DatasetOptions& options) {
    const auto fraction = [](double v) { return v >= 0.0 && v < 1.0; };
    require<UsageError>(fraction(options.val_fraction) && fraction(options.test_fraction),
                        "[data] the fractions held out must be within [0, 1)");
    check_reading(options);
    const std::size_t colon = spec.find(':');
    const std::string scheme = spec.substr(0, colon);
    const Source* source = std::ranges::find_if(kSources, [&](const Source& s) { return s.scheme == scheme; });
    if (colon == std::string::npos || source == std::end(kSources)) {
        std::string known;
        for (const Source& s : kSources) known += fmt::format("{}{}:", known.empty() ? "" : " ", s.scheme);
        throw UsageError(fmt::format("[data] '{}' must begin with one of: {}", spec, known));
    }
    if (!options.group_by.empty() && scheme != "folder")
        throw UsageError(
            fmt::format("[data] --group-by is for folder: alone; {}: knows patients otherwise, or none", scheme));
    if (!source->tables && static_cast<const TableReading&>(options) != TableReading{})
        throw UsageError(
            fmt::format("[data] {}: reads no table of labels: --view, --uncertain and the other options about "
                        "tables mean nothing to it",
                        scheme));
    const std::string path = spec.substr(colon + 1);
    if (path.empty() || !is_there(path)) throw UsageError(fmt::format("[data] {}: '{}' does not exist", spec, path));
    return source->open(path, options);
}

std::string data_spec_help() {
    std::string text;
    for (std::size_t i = 0; i < std::size(kSources); ++i) {
        if (i > 0) text += i + 1 == std::size(kSources) ? " or " : ", ";
        text += fmt::format("{}:{}", kSources[i].scheme, kSources[i].argument);
    }
    return text;
}

}  // namespace keel
