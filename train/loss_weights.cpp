#include "train/loss_weights.h"

#include <algorithm>
#include <numeric>

#include "data/inspect/info.h"
#include "data/pipeline/label_groups.h"
#include "kernels/error.h"
#include "train/loss.h"

namespace keel {
namespace {

std::vector<float> balancing_class_weights(const Dataset& dataset) {
    const SplitCounts counts = count_labels(dataset)[static_cast<std::size_t>(Split::train)];
    const auto samples = static_cast<double>(std::reduce(counts.per_label.begin(), counts.per_label.end()));
    const auto classes = static_cast<double>(std::ranges::count_if(counts.per_label, [](auto n) { return n > 0; }));
    std::vector<float> weights;
    for (const std::int64_t n : counts.per_label)
        weights.push_back(n > 0 ? static_cast<float>(samples / (classes * static_cast<double>(n))) : 1.0F);
    return weights;
}

/// Positives and samples of which it is known, of one label.
struct Share {
    double positives = 0, known = 0;
};

void count(const Dataset& dataset, const Sample& sample, double weight, std::vector<Share>& shares) {
    for (std::size_t k = 0; k < shares.size(); ++k) {
        const bool classes = dataset.task() == Task::classes;
        if (classes ? sample.known == 0 : !sample.is_known(k)) continue;
        shares[k].known += weight;
        if (classes ? sample.label == static_cast<std::int32_t>(k) : sample.is_present(k))
            shares[k].positives += weight;
    }
}

}  // namespace

std::vector<float> training_weights(const TrainConfig& config, const Dataset& dataset) {
    const bool classes = dataset.task() == Task::classes;
    if (classes && config.positive_weights != "none")
        throw UsageError("[train] positive_weights balances labels, this data has classes: wanted class_weights");
    if (!classes && config.class_weights != "none")
        throw UsageError("[train] class_weights balances classes, this data has labels: wanted positive_weights");
    if (config.class_weights == "balanced" && config.sampler == "balanced")
        throw UsageError("[train] class_weights balanced and sampler balanced do the same twice: wanted one of them");
    if (config.class_weights == "balanced") return balancing_class_weights(dataset);
    if (config.positive_weights == "none") return {};
    const Tensor weights = balancing_weights(dataset);
    return {weights.values<float>().begin(), weights.values<float>().end()};
}

std::vector<float> positive_shares(const TrainConfig& config, const Dataset& dataset) {
    const std::vector<Sample>& samples = dataset.samples(Split::train);
    std::vector<Share> shares(dataset.label_names().size());
    if (config.sampler == "balanced") {
        for (const std::vector<std::int64_t>& group : label_groups(dataset, Split::train).samples)
            for (const std::int64_t index : group)
                count(dataset, samples[static_cast<std::size_t>(index)], 1 / static_cast<double>(group.size()), shares);
    } else {
        for (const Sample& sample : samples) count(dataset, sample, 1, shares);
    }
    std::vector<float> all;
    for (const Share& share : shares)
        all.push_back(share.known > 0 ? static_cast<float>(share.positives / share.known) : 0.0F);
    return all;
}

}  // namespace keel
