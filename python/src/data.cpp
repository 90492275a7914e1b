#include "src/data.h"

#include <keel/kernels/error.h>
#include <keel/train/config_file.h>
#include <keel/train/trained_on.h>

#include <algorithm>

namespace keel::python {

std::unique_ptr<Dataset> open_wanted(const DataWanted& wanted, const std::string& checkpoint,
                                     std::vector<std::string>& remarks) {
    const auto then = trained_on(checkpoint);
    TrainConfig config;
    static_cast<DatasetOptions&>(config) = options_for(then, wanted.spec);
    static_cast<ImageReading&>(config) = reading_of(checkpoint);
    for (const auto& [key, value] : wanted.options) {
        if (std::ranges::find(dataset_options(), key, &Option<TrainConfig>::key) == dataset_options().end())
            throw UsageError("[data] there is no option '" + key + "' of how a data set is read");
        apply_text(config, key, value, "the option");
    }
    check_reading(config);
    std::unique_ptr<Dataset> dataset = open_dataset(wanted.spec, config);
    for (const Remark& remark : dataset->remarks()) remarks.push_back(remark.text);
    if (const std::string differs = reading_differences(dataset->reading(), reading_of(checkpoint));
        !dataset->files().empty() && !differs.empty())
        remarks.push_back("images are read otherwise than the model's were: " + differs);
    for (const Remark& remark : remarks_on_scores(then, *dataset, wanted.spec, wanted.split))
        remarks.push_back(remark.text);
    return dataset;
}

}  // namespace keel::python
