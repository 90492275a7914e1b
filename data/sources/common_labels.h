// A data set through the labels of a model that was trained on another one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

struct CommonLabels {
    std::unique_ptr<Dataset> dataset;
    std::vector<Remark> remarks{};  ///< which labels are not scored
};

/// Returns the data set with `labels` for its own, which are found by same_finding(): those it has not are not known of
/// any sample, so loss and scores leave them out; its others are left out. The same data set where the labels are its
/// own. `whose` names the labels' owner in messages. Throws InputError where they have no label in common, or two of
/// the data set's are one of `labels`. The data set is one of Task::labels.
CommonLabels with_labels(std::unique_ptr<Dataset> dataset, const std::vector<std::string>& labels,
                         const std::string& whose);

}  // namespace keel
