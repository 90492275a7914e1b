#include "runs/report/errors.h"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/formats/stb.h"
#include "data/inspect/brightness.h"
#include "data/inspect/info.h"
#include "embed/images.h"
#include "runs/heatmaps.h"
#include "runs/report/data_section.h"
#include "runs/report/page.h"

namespace keel::report {
namespace {

constexpr std::size_t kMostErrors = 12;
constexpr int kThumbnail = 256;  // pixels of the longer side
constexpr int kQuality = 85;     // of JPEG

constexpr std::string_view kErrorsNote =
    "Validation images where the model was surest of what is wrong by their labels; beside each, where it found what "
    "speaks for "
    "the label named (inferno: the lighter, the more).";

/// The surest first; ties in the order of the samples, so that a report does not depend on the sort.
void rank(std::vector<ConfidentError>& errors) {
    std::ranges::stable_sort(errors, [](const ConfidentError& a, const ConfidentError& b) {
        return (a.missed ? 1 - a.probability : a.probability) > (b.missed ? 1 - b.probability : b.probability);
    });
}

std::vector<ConfidentError> label_errors(const StoredPredictions& stored, bool missed, std::size_t most,
                                         std::set<std::size_t>& samples) {
    const std::size_t labels = stored.labels.size();
    std::vector<ConfidentError> all, picked;
    for (std::size_t i = 0; i < stored.predictions.names.size(); ++i)
        for (std::size_t k = 0; k < labels; ++k) {
            const float target = stored.predictions.targets[i * labels + k];
            if (target < 0 || (target > 0.5F) != missed) continue;
            all.push_back({i, k, missed, double{stored.predictions.probabilities[i * labels + k]}});
        }
    rank(all);
    std::map<std::size_t, int> of_label;
    for (const ConfidentError& error : all) {
        if (picked.size() == most) break;
        if (of_label[error.label] == 2 || samples.contains(error.sample)) continue;
        // An answer on the right side of one half is no error.
        if ((error.probability > 0.5) == missed) break;
        ++of_label[error.label];
        samples.insert(error.sample);
        picked.push_back(error);
    }
    return picked;
}

std::vector<ConfidentError> class_errors(const StoredPredictions& stored, std::size_t most) {
    const std::size_t classes = stored.labels.size();
    std::vector<ConfidentError> all;
    for (std::size_t i = 0; i < stored.predictions.names.size(); ++i) {
        const auto begin = stored.predictions.probabilities.begin() + static_cast<std::ptrdiff_t>(i * classes);
        const auto best = std::max_element(begin, begin + static_cast<std::ptrdiff_t>(classes));
        const auto given = static_cast<std::size_t>(best - begin);
        if (static_cast<std::int32_t>(given) != stored.predictions.labels[i])
            all.push_back({i, given, false, double{*best}});
    }
    rank(all);
    all.resize(std::min(all.size(), most));
    return all;
}

/// Finds images by name and shows what the best checkpoint saw in them.
class Images {
public:
    explicit Images(const RunData& run)
        : activation_(load_model(run.best_checkpoint())), dataset_(open(run.config, activation_.spec().reading)) {
        const auto& samples = dataset_->samples(Split::val);
        for (std::size_t i = 0; i < samples.size(); ++i) index_.emplace(samples[i].name, static_cast<std::int64_t>(i));
    }

    /// What is said of the data where they are opened.
    std::vector<Remark> remarks(const DatasetOptions& options) const {
        std::vector<Remark> all = describe(*dataset_, options);
        for (Remark& remark : describe_images(*dataset_)) all.push_back(std::move(remark));
        return all;
    }

    /// Image and heatmap side by side.
    std::string html(const std::string& name, std::size_t label) {
        const auto found = index_.find(name);
        if (found == index_.end()) throw InputError("[report] " + name + " is not in the validation split any more");
        const TransformOptions transform = transform_of(activation_.spec());
        LeastSize least = least_size(transform, {});
        least = {std::max(least.width, kThumbnail), std::max(least.height, kThumbnail)};
        const Image image = dataset_->load(Split::val, found->second, least);
        const Tensor input = input_of({&image, 1}, transform);
        const auto wanted = static_cast<std::int64_t>(label);
        const Tensor maps = activation_.maps(input, {&wanted, 1});
        const double scale = static_cast<double>(kThumbnail) / std::max(image.width, image.height);
        const auto scaled = [&](int side) { return std::max(1, static_cast<int>(side * scale + 0.5)); };
        const Image small = resize(shown(image), scaled(image.width), scaled(image.height));
        const Image over = overlay(small, heat_of(activation_, maps, 0, 0), ColorMap::inferno);
        return "<div class=\"pair\">" + img(small, "the image") + img(over, "the heatmap over it") + "</div>\n";
    }

private:
    static std::string img(const Image& image, const char* what) {
        return fmt::format("<img alt=\"{}\" width=\"{}\" height=\"{}\" src=\"{}\">", what, image.width, image.height,
                           data_uri("image/jpeg", encode_jpeg(image, kQuality)));
    }

    /// The run's data, read as its model wants images: those of old runs are.
    static std::unique_ptr<Dataset> open(const TrainConfig& config, const ImageReading& reading) {
        DatasetOptions options = config;
        static_cast<ImageReading&>(options) = reading;
        return open_dataset(config.data, options);
    }

    ClassActivation activation_;
    std::unique_ptr<Dataset> dataset_;
    std::unordered_map<std::string, std::int64_t> index_;
};

std::string caption(const StoredPredictions& stored, const ConfidentError& error) {
    const std::string& label = stored.labels[error.label];
    if (!stored.multi_label)
        return fmt::format("{} taken for {}",
                           stored.labels[static_cast<std::size_t>(stored.predictions.labels[error.sample])], label);
    return label + (error.missed ? " missed" : " seen, not labelled");
}

}  // namespace

std::vector<ConfidentError> confident_errors(const StoredPredictions& stored, std::size_t most) {
    if (!stored.multi_label) return class_errors(stored, most);
    std::set<std::size_t> samples;
    std::vector<ConfidentError> errors = label_errors(stored, false, most / 2, samples);
    const std::vector<ConfidentError> missed = label_errors(stored, true, most - most / 2, samples);
    errors.insert(errors.end(), missed.begin(), missed.end());
    return errors;
}

std::string errors_html(const RunData& run, std::vector<Remark>* data) {
    if (!run.predictions) return "";
    const StoredPredictions& stored = *run.predictions;
    const auto errors = confident_errors(stored, kMostErrors);
    if (errors.empty())
        return note("No label was given or missed against the truth with a probability beyond one half.");
    std::optional<Images> images;
    std::string trouble, html;
    try {
        images.emplace(run);
        const std::vector<Remark> now = images->remarks(run.config);
        for (const Remark& remark : new_remarks(run, now))
            html += note("The data are others than the run recorded: " + remark.text);
        if (data != nullptr) data->insert(data->end(), now.begin(), now.end());
    } catch (const Error& error) {
        trouble = error.what();
    }
    std::string figures;
    for (const ConfidentError& error : errors) {
        const std::string& name = stored.predictions.names[error.sample];
        std::string pair;
        try {
            if (images) pair = images->html(name, error.label);
        } catch (const StorageError& failed) {
            trouble = failed.what();
            images.reset();  // each of them would wait as long
        } catch (const Error& failed) {
            trouble = failed.what();
        }
        figures += fmt::format(
            "<figure class=\"error\"><figcaption>{}<small>{} · probability {:.3f}</small></figcaption>\n{}</figure>\n",
            escape(caption(stored, error)), escape(name), error.probability, pair);
    }
    return note(kErrorsNote) + (trouble.empty() ? "" : note("Images are missing: " + trouble)) + html +
           "<div class=\"grid images\">\n" + figures + "</div>\n";
}

}  // namespace keel::report
