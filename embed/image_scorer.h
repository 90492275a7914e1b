// Images of files or of a program, scored by one model or several, with yes and no where a threshold was measured.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "embed/precision_report.h"
#include "embed/views.h"

namespace keel {

struct ImageScorerOptions {
    std::vector<std::string> checkpoints{};  ///< several: the mean of their probabilities
    ViewOptions views{};
    Precision precision = Precision::f32;
    bool calibrated = false;
    std::string rule{};  ///< of the operating points; empty: the one chosen when they were measured
    std::int64_t batch = 8;
};

/// Models ready to score, all held in memory.
class ImageScorer {
public:
    /// Throws as open_ensemble() and load_predictor() do; UsageError for a rule or a calibration that a checkpoint does
    /// not have.
    explicit ImageScorer(const ImageScorerOptions& options);

    /// Of the first model; labels and task are those of all.
    const ModelSpec& spec() const { return models_.front().spec(); }
    /// All of them, in the order of their checkpoints.
    const std::vector<Predictor>& models() const { return models_; }
    /// Returns what images become for each of them, and how their files are read.
    std::vector<TransformOptions> transforms() const;

    /// Returns what the models run in, "bf16", or one word for each where they differ.
    std::string precision() const { return precision_.text(); }

    /// An image as each of the models takes it.
    using Inputs = std::vector<Tensor>;
    /// Reads a file; `look` sees the image as the first model does. Throws IoError or InputError that names it.
    Inputs load(const std::string& file, const std::function<void(const Image&)>& look = {}) const;
    /// Decodes a file's bytes likewise; `name` is used in messages.
    Inputs decode(std::span<const std::uint8_t> file, const std::string& name,
                  const std::function<void(const Image&)>& look = {}) const;
    /// Takes an image that a program made. Throws as input_of() does.
    Inputs inputs_of(const Image& image) const;
    /// Takes what `read` makes of each of transforms(), asked once for those that are equal.
    Inputs inputs_by(const std::function<Image(const TransformOptions& transform)>& read,
                     const std::function<void(const Image&)>& look = {}) const;
    /// How the first model's files are read.
    const ImageReading& reading() const { return reading_ ? *reading_ : spec().reading; }
    /// Files are read so from now on for all models, and not as each checkpoint says.
    void read_files_as(const ImageReading& reading) { reading_ = reading; }

    /// Returns the probabilities of each image, {images, labels}, and each image's calls.
    struct Scores {
        std::vector<float> probabilities;
        std::vector<std::optional<bool>> calls;  ///< {images, labels}; empty where nothing was measured
        std::vector<NoAnswer> none;              ///< images whose probabilities are NaN, in order, and why
    };
    Scores score(std::span<const Inputs> images) const;

    /// The rule that calls follow, empty where there are none: of a checkpoint alone, which was measured.
    const std::string& rule() const { return rule_; }
    /// Of each label, none where nothing was measured.
    const std::vector<std::optional<double>>& thresholds() const { return thresholds_; }
    /// Returns what the user should know of the calls and the precision, for people: empty where all is well.
    const std::vector<std::string>& warnings() const { return warnings_; }

private:
    void choose_thresholds(const ImageScorerOptions& options);

    std::vector<Predictor> models_;
    PrecisionReport precision_;
    ViewOptions views_;
    bool calibrated_;
    std::optional<ImageReading> reading_;
    std::string rule_;
    std::vector<std::optional<double>> thresholds_;
    std::vector<std::string> warnings_;
};

}  // namespace keel
