#include "train/auc_margin_loss.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/autograd.h"
#include "kernels/error.h"
#include "train/loss_terms.h"
#include "train/loss_weights.h"

namespace keel {
namespace {

/// Derivatives by a, b and alpha of a label.
struct VariableDiffs {
    double a = 0, b = 0, alpha = 0;
};

/// What the formula knows of one label.
struct LabelState {
    double share, margin, a, b, alpha;

    LossTerm term(const Probability& x, double t, VariableDiffs& diffs) const {
        const double h = x.p, positive = (1 - share) * t, negative = share * (1 - t), variance = share * (1 - share);
        const double to_a = h - a, to_b = h - b, gap = variance * margin + (negative - positive) * h;
        diffs.a -= 2 * positive * to_a;
        diffs.b -= 2 * negative * to_b;
        diffs.alpha += 2 * gap - 2 * variance * alpha;
        return {positive * to_a * to_a + negative * to_b * to_b - variance * alpha * alpha + 2 * alpha * gap,
                2 * h * (positive * to_a + negative * to_b + alpha * (negative - positive)), 0};
    }
};

Tensor variable(std::size_t labels, double value) {
    return Tensor::full({static_cast<std::int64_t>(labels)}, value).set_requires_grad();
}

}  // namespace

AucMarginLoss::AucMarginLoss(std::vector<float> shares, bool classes, double margin, double rate)
    : shares_(std::move(shares)),
      classes_(classes),
      margin_(margin),
      rate_(rate),
      a_(variable(shares_.size(), 0.5)),
      b_(variable(shares_.size(), 0.5)),
      alpha_(variable(shares_.size(), margin)) {}

Tensor AucMarginLoss::operator()(const Tensor& logits, const Batch& batch) const {
    return auc_margin({logits, a_, b_, alpha_}, targets_of(logits, batch), shares_, classes_, margin_);
}

Tensor auc_margin(const AucMarginInputs& in, const Tensor& targets, const std::vector<float>& shares, bool classes,
                  double margin) {
    const std::vector<Probability> probabilities = probabilities_of(in.logits, classes);
    const Tensor a = in.a.to(DType::f64), b = in.b.to(DType::f64), alpha = in.alpha.to(DType::f64);
    const auto labels = static_cast<std::size_t>(in.logits.dim(1));
    if (shares.size() != labels) throw UsageError("[auc-margin] the batch has other labels than the loss was made for");
    const std::span<const float> t = targets.values<float>();
    std::vector<LossTerm> terms(t.size());
    std::vector<VariableDiffs> diffs(labels);
    double sum = 0;
    for (std::size_t i = 0; i < t.size(); ++i) {
        if (t[i] < 0) continue;
        const std::size_t k = i % labels;
        const LabelState label{double{shares[k]}, margin, a.values<double>()[k], b.values<double>()[k],
                               alpha.values<double>()[k]};
        terms[i] = label.term(probabilities[i], double{t[i]}, diffs[k]);
        sum += terms[i].loss;
    }
    const double known = known_targets(targets, classes), part = known > 0 ? 1 / known : 0;
    const Tensor loss = Tensor::full({1}, sum * part, in.logits.dtype());
    const DType type = in.a.dtype();
    return record(loss, {in.logits, in.a, in.b, in.alpha},
                  [logits = in.logits.detach(), probabilities, terms, diffs, classes, part, type](const Tensor& diff) {
                      const double factor = part * diff.item();
                      Gradients gradients{diff_of_terms(logits, probabilities, terms, classes, factor)};
                      for (double VariableDiffs::*by : {&VariableDiffs::a, &VariableDiffs::b, &VariableDiffs::alpha}) {
                          const Tensor of = Tensor::zeros({std::ssize(diffs)}, DType::f64);
                          std::ranges::transform(diffs, of.data<double>(),
                                                 [&](const VariableDiffs& d) { return factor * d.*by; });
                          gradients.push_back(of.to(type));
                      }
                      return gradients;
                  });
}

std::vector<NamedTensor> AucMarginLoss::variables() const {
    return {{"loss.a", a_}, {"loss.b", b_}, {"loss.alpha", alpha_}};
}

void AucMarginLoss::step() const {
    // The rate is of a label's own mean, of which the loss is the mean over the labels; of classes it is their sum.
    const double rate = rate_ * (classes_ ? 1.0 : static_cast<double>(shares_.size()));
    const auto move = [&](const Tensor& variable, double by) {
        const Tensor gradient = variable.grad();
        for (std::size_t k = 0; gradient && k < shares_.size(); ++k)
            variable.values<float>()[k] += static_cast<float>(by * double{gradient.values<float>()[k]});
    };
    move(a_, -rate);
    move(b_, -rate);
    move(alpha_, rate);
    for (float& alpha : alpha_.values<float>()) alpha = std::max(alpha, 0.0F);
}

std::shared_ptr<const Loss> make_auc_margin_loss(const TrainConfig& config, const Dataset& dataset) {
    if (config.positive_weights != "none" || config.class_weights != "none")
        throw UsageError("[train] loss auc-margin takes no weights: the area does not depend on how many there are");
    return std::make_shared<AucMarginLoss>(positive_shares(config, dataset), dataset.task() == Task::classes,
                                           config.auc_margin, config.auc_rate);
}

}  // namespace keel
