#include "train/weighted_loss.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "engine/autograd.h"

namespace keel {
namespace {

/// How many labels, or classes, of a row are known.
std::int64_t known_in(const Batch& batch, std::size_t row) {
    const std::vector<float>& targets = batch.soft_targets.empty() ? batch.targets : batch.soft_targets;
    if (batch.soft_targets.empty() && !batch.labels.empty()) return batch.labels[row] == kUnknownClass ? 0 : 1;
    const auto each = static_cast<std::ptrdiff_t>(targets.size()) / static_cast<std::ptrdiff_t>(batch.n);
    const auto begin = targets.begin() + static_cast<std::ptrdiff_t>(row) * each;
    const auto known = std::count_if(begin, begin + each, [](float target) { return target >= 0; });
    return batch.labels.empty() ? known : known == each ? 1 : 0;
}

/// Makes a row one of which nothing is known.
void forget(Batch& batch, std::size_t row) {
    if (!batch.labels.empty()) batch.labels[row] = kUnknownClass;
    for (std::vector<float>* targets : {&batch.targets, &batch.soft_targets}) {
        const auto each = static_cast<std::ptrdiff_t>(targets->size()) / static_cast<std::ptrdiff_t>(batch.n);
        std::fill_n(targets->begin() + static_cast<std::ptrdiff_t>(row) * each, each, kUnknownTarget);
    }
}

class WeightedLoss final : public Loss {
public:
    explicit WeightedLoss(std::shared_ptr<const Loss> loss) : loss_(std::move(loss)) {}

    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        if (batch.weights.empty()) return (*loss_)(logits, batch);
        std::map<float, std::int64_t> known;  // of the samples of each weight
        std::int64_t all = 0;
        for (std::size_t i = 0; i < batch.weights.size(); ++i) {
            known[batch.weights[i]] += known_in(batch, i);
            all += known_in(batch, i);
        }
        std::vector<Tensor> terms;
        std::vector<double> factors;
        Batch some = batch;
        some.images.clear();
        for (const auto& [weight, count] : known) {
            some.labels = batch.labels;
            some.targets = batch.targets;
            some.soft_targets = batch.soft_targets;
            for (std::size_t i = 0; i < batch.weights.size(); ++i)
                if (batch.weights[i] != weight) forget(some, i);
            terms.push_back((*loss_)(logits, some));
            factors.push_back(all > 0 ? double{weight} * static_cast<double>(count) / static_cast<double>(all) : 0);
        }
        return weighted_sum(terms, factors);
    }

    std::vector<NamedTensor> variables() const override { return loss_->variables(); }
    void step() const override { loss_->step(); }

private:
    std::shared_ptr<const Loss> loss_;
};

}  // namespace

Tensor weighted_sum(const std::vector<Tensor>& terms, const std::vector<double>& weights) {
    double sum = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) sum += weights[i] * terms[i].item();
    const DType dtype = terms[0].dtype();
    return record(Tensor::full({1}, sum, dtype), terms, [weights, dtype](const Tensor& diff_dst) {
        Gradients gradients;
        for (const double weight : weights) gradients.push_back(Tensor::full({1}, weight * diff_dst.item(), dtype));
        return gradients;
    });
}

std::shared_ptr<const Loss> weighted_loss(std::shared_ptr<const Loss> loss) {
    return std::make_shared<WeightedLoss>(std::move(loss));
}

}  // namespace keel
