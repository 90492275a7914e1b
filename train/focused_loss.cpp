#include "train/focused_loss.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/error.h"
#include "train/loss_terms.h"
#include "train/loss_weights.h"

namespace keel {
namespace {

/// -weight * (1 - p)^gamma * log p
LossTerm positive_term(const Probability& x, double gamma, double weight) {
    const double focus = std::pow(x.rest, gamma);
    const double bend = gamma == 0 ? 0 : gamma * x.p * std::pow(x.rest, gamma - 1) * x.log_p;
    return {-weight * focus * x.log_p, weight * (bend - focus), 0};
}

/// -weight * q^gamma * log(1 - q), q = max(p - margin, 0)
LossTerm negative_term(const Probability& x, double gamma, double margin, double weight) {
    const double q = x.p - margin;
    if (q <= 0) return {};
    const double rest = x.rest + margin, log_rest = margin > 0 ? std::log(rest) : x.log_rest;
    const double focus = std::pow(q, gamma);
    const double bend = gamma == 0 ? 0 : gamma * std::pow(q, gamma - 1) * log_rest * x.rest;
    return {-weight * focus * log_rest, 0, weight * (bend - focus * (x.rest / rest))};
}

class FocusedLoss final : public Loss {
public:
    FocusedLoss(Focus focus, bool classes, double label_smoothing)
        : focus_(std::move(focus)), classes_(classes), label_smoothing_(label_smoothing) {}

    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        const Tensor targets = targets_of(logits, batch, label_smoothing_);
        return mean_of_terms(logits, targets, classes_, [this](const Probability& p, double target, std::size_t label) {
            const double weight = focus_.positive_weights.empty() ? 1 : double{focus_.positive_weights[label]};
            const LossTerm positive = positive_term(p, focus_.gamma_positive, target * weight);
            const LossTerm negative =
                negative_term(p, focus_.gamma_negative, focus_.margin, (1 - target) * focus_.negative_weight);
            return LossTerm{positive.loss + negative.loss, positive.by_log_p, negative.by_log_rest};
        });
    }

private:
    Focus focus_;
    bool classes_;
    double label_smoothing_;
};

}  // namespace

std::shared_ptr<const Loss> focused_loss(const Focus& focus, bool classes, double label_smoothing) {
    return std::make_shared<FocusedLoss>(focus, classes, label_smoothing);
}

std::shared_ptr<const Loss> make_focal_loss(const TrainConfig& config, const Dataset& dataset) {
    const bool classes = dataset.task() == Task::classes;
    Focus focus{.gamma_positive = config.focal_gamma,
                .gamma_negative = config.focal_gamma,
                .positive_weights = training_weights(config, dataset)};
    if (classes) {
        focus.negative_weight = 0;
    } else if (config.focal_alpha > 0) {
        focus.negative_weight = 1 - config.focal_alpha;
        focus.positive_weights.resize(dataset.label_names().size(), 1.0F);
        for (float& weight : focus.positive_weights) weight *= static_cast<float>(config.focal_alpha);
    }
    return focused_loss(focus, classes, config.label_smoothing);
}

std::shared_ptr<const Loss> make_asymmetric_loss(const TrainConfig& config, const Dataset& dataset) {
    return focused_loss({.gamma_positive = config.asymmetric_gamma_pos,
                         .gamma_negative = config.asymmetric_gamma_neg,
                         .margin = config.asymmetric_margin,
                         .positive_weights = training_weights(config, dataset)},
                        dataset.task() == Task::classes, config.label_smoothing);
}

}  // namespace keel
