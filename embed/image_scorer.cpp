#include "embed/image_scorer.h"

#include <algorithm>

#include <fmt/format.h>

#include "embed/images.h"
#include "embed/opened_ensemble.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Returns one input of each image as a batch.
Tensor batch_of(std::span<const ImageScorer::Inputs> images, std::size_t model) {
    const Tensor& first = images.front()[model];
    if (images.size() == 1) return first;
    const Tensor batch = Tensor::empty({std::ssize(images), first.dim(1), first.dim(2), first.dim(3)});
    auto next = batch.values<float>().begin();
    for (const ImageScorer::Inputs& inputs : images) next = std::ranges::copy(inputs[model].values<float>(), next).out;
    return batch;
}

}  // namespace

ImageScorer::ImageScorer(const ImageScorerOptions& options) : views_(options.views), calibrated_(options.calibrated) {
    const std::vector<OpenedModel> opened = open_ensemble(options.checkpoints);
    for (const OpenedModel& file : opened)
        if (calibrated_ && (!file.spec.operating || !file.spec.operating->calibration))
            throw UsageError("[calibrate] " + file.path.string() +
                             " has no calibration; keel threshold --calibrate makes one");
    for (const OpenedModel& file : opened) {
        models_.push_back(load_predictor(file, views_, options.batch, nullptr, options.precision));
        for (std::string& note : precision_.add(file.path.string(), models_.back()))
            warnings_.push_back(std::move(note));
    }
    choose_thresholds(options);
}

void ImageScorer::choose_thresholds(const ImageScorerOptions& options) {
    if (models_.size() > 1) {
        if (!options.rule.empty())
            throw UsageError("[threshold] thresholds are of one checkpoint, an ensemble has none");
        if (std::ranges::any_of(models_, [](const Predictor& model) { return model.spec().operating.has_value(); }))
            warnings_.emplace_back("thresholds are of one checkpoint: the ensemble says no yes or no");
        return;
    }
    const auto& operating = spec().operating;
    if (!operating) {
        if (!options.rule.empty())
            throw UsageError("[threshold] " + options.checkpoints.front() +
                             " has no operating points; keel threshold measures them");
        return;
    }
    for (const auto& point : points_of(*operating, options.rule))
        thresholds_.push_back(point ? std::optional(point->threshold) : std::nullopt);
    rule_ = options.rule.empty() ? operating->chosen : options.rule;
    const std::string views = views_text(views_, spec());
    if (views != operating->views)
        warnings_.push_back(fmt::format("the thresholds were measured on images {}, these are {}",
                                        operating->views.empty() ? "as in training" : operating->views,
                                        views.empty() ? "as in training" : views));
}

std::vector<TransformOptions> ImageScorer::transforms() const {
    std::vector<TransformOptions> transforms;
    for (const Predictor& model : models_) {
        transforms.push_back(transform_of(model.spec(), views_));
        if (reading_) transforms.back().reading = *reading_;
    }
    return transforms;
}

ImageScorer::Inputs ImageScorer::inputs_by(const std::function<Image(const TransformOptions&)>& read,
                                           const std::function<void(const Image&)>& look) const {
    const std::vector<TransformOptions> transforms = this->transforms();
    Inputs inputs;
    for (std::size_t k = 0; k < transforms.size(); ++k) {
        // Models of one ensemble mostly take the same input.
        const auto same = static_cast<std::size_t>(std::ranges::find(transforms, transforms[k]) - transforms.begin());
        if (same < k) {
            inputs.push_back(inputs[same]);
            continue;
        }
        const Image image = read(transforms[k]);
        if (look && k == 0) look(image);
        inputs.push_back(input_of({&image, 1}, transforms[k]));
    }
    return inputs;
}

ImageScorer::Inputs ImageScorer::load(const std::string& file, const std::function<void(const Image&)>& look) const {
    return inputs_by([&](const TransformOptions& transform) { return load_image(file, transform); }, look);
}

ImageScorer::Inputs ImageScorer::decode(std::span<const std::uint8_t> file, const std::string& name,
                                        const std::function<void(const Image&)>& look) const {
    return inputs_by([&](const TransformOptions& transform) { return decode_image(file, transform, name); }, look);
}

ImageScorer::Inputs ImageScorer::inputs_of(const Image& image) const {
    return inputs_by([&](const TransformOptions&) { return image; }, {});
}

ImageScorer::Scores ImageScorer::score(std::span<const Inputs> images) const {
    Scores scores;
    if (images.empty()) return scores;
    const std::size_t labels = spec().label_names.size();
    std::vector<double> sums(images.size() * labels);
    for (std::size_t k = 0; k < models_.size(); ++k) {
        std::vector<NoAnswer> none;
        const Tensor raw = predict_views(models_[k], batch_of(images, k), views_, none);
        for (NoAnswer& one : none)
            if (std::ranges::find(scores.none, one.image, &NoAnswer::image) == scores.none.end())
                scores.none.push_back(std::move(one));
        if (k == 0)
            for (std::size_t i = 0; i < sums.size() && !thresholds_.empty(); ++i) {
                const auto& threshold = thresholds_[i % labels];
                scores.calls.push_back(threshold ? std::optional(double{raw.values<float>()[i]} >= *threshold)
                                                 : std::nullopt);
            }
        if (calibrated_) calibrate(*models_[k].spec().operating->calibration, spec().multi_label, raw.values<float>());
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += double{raw.values<float>()[i]};
    }
    std::ranges::sort(scores.none, {}, &NoAnswer::image);
    for (const double sum : sums)
        scores.probabilities.push_back(static_cast<float>(sum / static_cast<double>(models_.size())));
    return scores;
}

}  // namespace keel
