#include "data/sources/patients_and_views.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/sources/sources.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {

std::string PatientNames::of(const std::string& written) {
    std::string name = patient_name(written);
    if (!name.empty()) written_[name].insert(written);
    return name;
}

void PatientNames::say(std::vector<Remark>& remarks) const {
    std::vector<std::string> several;
    for (const auto& [name, ways] : written_)
        if (ways.size() > 1) several.push_back(fmt::format("'{}'", fmt::join(ways, "' '")));
    if (!several.empty())
        remarks.push_back(
            {true, fmt::format("{} patients' numbers are written in several ways, which are taken as one: {}",
                               several.size(), some_of(several))});
}

void keep_views(DatasetContents& contents, const std::string& wanted, const std::string& who) {
    if (wanted.empty()) return;
    const auto column = std::ranges::find(contents.attribute_names, "view");
    if (column == contents.attribute_names.end())
        throw UsageError(fmt::format("[{}] the data does not say the images' views: --view {}", who, excerpt(wanted)));
    const auto view = static_cast<std::size_t>(column - contents.attribute_names.begin());
    std::map<std::string, std::int64_t> dropped;
    std::int64_t kept = 0, all = 0;
    for (std::vector<Sample>& samples : contents.splits) {
        all += std::ssize(samples);
        std::erase_if(samples, [&](const Sample& sample) {
            const std::string own = sample.attributes.empty() ? "" : sample.attributes[view];
            const bool keep = view_wanted(own, wanted);
            if (!keep) ++dropped[own.empty() ? "not said" : own];
            return !keep;
        });
        kept += std::ssize(samples);
    }
    std::vector<std::string> views;
    for (const auto& [name, count] : dropped) views.push_back(fmt::format("{} {}", count, name));
    if (kept == 0)
        throw InputError(
            fmt::format("[{}] no image's view is {}; there are: {}", who, excerpt(wanted), some_of(views, 8)));
    contents.remarks.push_back({false, fmt::format("{} of {} images have the view {}; left out: {}", kept, all,
                                                   excerpt(wanted), views.empty() ? "none" : some_of(views, 8))});
}

}  // namespace keel
