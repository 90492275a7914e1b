#include "train/training_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "data/inspect/info.h"
#include "kernels/error.h"

namespace keel {

std::unique_ptr<Dataset> open_training_data(const TrainConfig& config) {
    auto dataset = open_dataset(config.data, config);
    check_training_data(*dataset, config.data);
    return dataset;
}

void check_training_data(const Dataset& dataset, const std::string& name) {
    const SplitCounts counts = count_labels(dataset)[static_cast<std::size_t>(Split::train)];
    if (counts.samples == 0) throw InputError("[train] " + name + " has no training samples");
    if (dataset.task() == Task::labels) {
        if (std::ranges::all_of(counts.unknown, [&](std::int64_t unknown) { return unknown == counts.samples; }))
            throw InputError("[train] " + name + " has no training sample of which a label is known");
        return;
    }
    std::vector<std::string> found;
    for (std::size_t k = 0; k < counts.per_label.size(); ++k)
        if (counts.per_label[k] > 0) found.push_back(dataset.label_names()[k]);
    if (found.empty()) throw InputError("[train] " + name + " has no training sample whose class is known");
    if (found.size() == 1)
        throw InputError(fmt::format(
            "[train] {}: wanted training samples of at least two classes, all {} are of one class, '{}'; it has the "
            "classes {}",
            name, counts.per_label.size() == 1 ? counts.samples : *std::ranges::max_element(counts.per_label), found[0],
            fmt::join(dataset.label_names(), ", ")));
}

}  // namespace keel
