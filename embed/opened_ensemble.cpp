#include "embed/opened_ensemble.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "embed/foreign_weights.h"
#include "kernels/error.h"

namespace keel {

std::vector<ModelSpec> read_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on) {
    std::vector<ModelSpec> specs;
    for (OpenedModel& model : open_ensemble(checkpoints, scored_on)) specs.push_back(std::move(model.spec));
    return specs;
}

std::vector<OpenedModel> open_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on) {
    if (checkpoints.empty()) throw UsageError("[eval] wanted a checkpoint");
    std::vector<OpenedModel> models;
    for (const std::string& file : checkpoints) {
        models.push_back(open_model(file));
        if (scored_on != nullptr)
            adopt_labels(models.back().spec, scored_on->label_names(), scored_on->task() == Task::labels);
        require_same_labels(models.front().spec, checkpoints.front(), models.back().spec, file);
    }
    return models;
}

void require_same_labels(const ModelSpec& a, const std::string& a_file, const ModelSpec& b, const std::string& b_file) {
    if (a.multi_label != b.multi_label)
        throw InputError(fmt::format("[eval] {} and {} are no ensemble: one says several labels an image, one a class",
                                     a_file, b_file));
    if (a.label_names != b.label_names)
        throw InputError(fmt::format("[eval] {} knows the labels {}, {} knows {}: no ensemble", a_file,
                                     fmt::join(a.label_names, ", "), b_file, fmt::join(b.label_names, ", ")));
}

}  // namespace keel
