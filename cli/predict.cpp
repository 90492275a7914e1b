// keel predict
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/app.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/formats/dicom/directory.h"
#include "data/formats/image_format.h"
#include "data/inspect/brightness.h"
#include "data/sources/image_tree.h"
#include "embed/foreign_weights.h"
#include "embed/images.h"
#include "runs/heatmaps.h"
#include "train/evaluate.h"

namespace keel::cli {
namespace {

struct Options {
    std::string checkpoint;
    std::vector<std::string> paths;
    std::int64_t batch_size = 8;
    HeatmapOptions heatmaps;
};

/// Adds the images that a DICOMDIR names, in its order; says on stderr what else it names.
void add_directory(const std::string& path, std::vector<std::string>& files) {
    const DicomDirectory directory = read_dicom_directory(path);
    for (const std::string& missing : directory.missing)
        std::cerr << "keel predict: " << path << " names " << missing << ", which is not there\n";
    if (directory.others > 0)
        std::cerr << "keel predict: " << path << " names " << directory.others
                  << " files that are no images (reports, presentation states); left out\n";
    if (directory.images.empty()) throw InputError("[predict] " + path + " names no image that is there");
    files.insert(files.end(), directory.images.begin(), directory.images.end());
}

/// Files as they are, a DICOMDIR as the images that it names; a folder stands for all files in it and in folders within
/// it that may hold an image, sorted. What it holds beside them is told on stderr unless `quiet`.
std::vector<std::string> expand(const std::vector<std::string>& paths, bool quiet) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (is_dicom_directory(path)) {
            add_directory(path, files);
            continue;
        }
        if (!std::filesystem::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        ImageTree tree = find_images(path);
        std::vector<std::string> inside = tree.images;
        // They may be images under another name; those that are none are named when they are read.
        inside.insert(inside.end(), tree.others.begin(), tree.others.end());
        tree.others.clear();
        if (inside.empty())
            throw InputError("[predict] " + path + " holds no " + image_format_names(", ", " or ") + " files");
        std::ranges::sort(inside);
        for (const std::string& file : inside) files.push_back(path + "/" + file);
        if (quiet) continue;
        std::cerr << fmt::format("keel predict: {}: {} files, {} of the images in folders within it\n", path,
                                 inside.size(), std::exchange(tree.nested, 0));
        for (const Remark& remark : remarks_on(tree)) std::cerr << "keel predict: " << remark.text << '\n';
    }
    return files;
}

/// A file that could be read, and the model's input that it makes, {1, h, w, channels}.
struct LoadedImage {
    std::string path;
    Tensor input;
};

/// Reads the files; those that cannot be read are named on stderr and left out.
std::vector<LoadedImage> load_images(std::span<const std::string> files, const TransformOptions& transform,
                                     OddImages& odd) {
    std::vector<LoadedImage> loaded;
    for (const std::string& file : files) {
        try {
            const Image image = load_image(file, transform);
            loaded.push_back({file, input_of({&image, 1}, transform)});
            odd.look(file, file, image);
        } catch (const Error& error) {
            std::cerr << "keel predict: skipped " << file << ": " << error.what() << '\n';
        }
    }
    return loaded;
}

/// Returns the images as one batch.
Tensor batch_of(const std::vector<LoadedImage>& images) {
    const Tensor& first = images.front().input;
    const Tensor batch = Tensor::empty({std::ssize(images), first.dim(1), first.dim(2), first.dim(3)});
    auto next = batch.values<float>().begin();
    for (const LoadedImage& image : images) next = std::ranges::copy(image.input.values<float>(), next).out;
    return batch;
}

struct Prediction {
    std::string path;
    std::vector<float> scores;  // of each label
    Json heatmaps;              // null where none are asked for
};

/// Scores the files that can be read, `batch_size` at a time.
std::vector<Prediction> predict(const Predictor& model, const std::vector<std::string>& files, std::int64_t batch_size,
                                const ImageReading& reading, Heatmaps* heatmaps) {
    TransformOptions transform = transform_of(model.spec());
    transform.reading = reading;
    OddImages odd(reading);
    const std::size_t labels = model.spec().label_names.size(), most = static_cast<std::size_t>(batch_size);
    std::vector<Prediction> all;
    for (std::size_t begin = 0; begin < files.size(); begin += most) {
        const std::vector<LoadedImage> images =
            load_images(std::span(files).subspan(begin, std::min(most, files.size() - begin)), transform, odd);
        if (images.empty()) continue;
        const Tensor scores = model.predict(batch_of(images));
        for (std::size_t i = 0; i < images.size(); ++i) {
            const auto own = scores.values<float>().subspan(i * labels, labels);
            all.push_back({images[i].path,
                           {own.begin(), own.end()},
                           heatmaps != nullptr ? heatmaps->explain(images[i].path, images[i].input, own) : Json()});
        }
    }
    for (const Remark& remark : odd.remarks(0)) std::cerr << "keel predict: warning: " << remark.text << '\n';
    return all;
}

Json to_json(const std::vector<Prediction>& predictions, const std::vector<std::string>& labels) {
    Json images = Json::array();
    for (const Prediction& prediction : predictions) {
        Json by_label = Json::object();
        for (std::size_t k = 0; k < labels.size(); ++k) by_label[labels[k]] = prediction.scores[k];
        images.push_back({{"path", prediction.path}, {"scores", std::move(by_label)}});
        if (!prediction.heatmaps.is_null()) images.back()["heatmaps"] = prediction.heatmaps;
    }
    return images;
}

/// A row an image; one image reads better as a column.
std::string to_table(const std::vector<Prediction>& predictions, const std::vector<std::string>& labels) {
    std::vector<std::vector<std::string>> rows{{"image"}};
    rows[0].insert(rows[0].end(), labels.begin(), labels.end());
    for (const Prediction& prediction : predictions) {
        rows.push_back({prediction.path});
        for (const float score : prediction.scores) rows.back().push_back(fmt::format("{:.4f}", score));
    }
    if (predictions.size() > 1) return format_table(rows);
    std::vector<std::vector<std::string>> column;
    for (std::size_t k = 0; k < rows[0].size(); ++k) column.push_back({rows[0][k], rows[1][k]});
    return format_table(column);
}

int run(const CLI::App& app, const Options& o, const Globals& globals) {
    if (o.heatmaps.directory.empty() && !(o.heatmaps.boxes + o.heatmaps.layer).empty())
        throw UsageError("[predict] --boxes and --heatmap-layer want --heatmaps DIR");
    const std::vector<std::string> files = expand(o.paths, globals.quiet);
    const Predictor model(o.checkpoint, std::min(o.batch_size, std::ssize(files)));
    const auto& labels = model.spec().label_names;
    const ImageReading reading = read_image_reading(app, model.spec().reading);
    warn_of_reading("predict", reading, model.spec().reading);
    if (model.spec().guessed) std::cerr << "keel predict: warning: " << guessed_text(model.spec()) << '\n';
    std::optional<Heatmaps> heatmaps;
    if (!o.heatmaps.directory.empty()) {
        HeatmapOptions options = o.heatmaps;
        options.reading = reading;
        heatmaps.emplace(std::move(options), o.checkpoint);
    }
    const auto predictions = predict(model, files, o.batch_size, reading, heatmaps ? &*heatmaps : nullptr);
    if (predictions.empty()) throw InputError("[predict] none of the images could be read");
    Json result{{"images", to_json(predictions, labels)}};
    if (heatmaps && !o.heatmaps.boxes.empty()) result["localisation"] = heatmaps->localization();
    print_result(globals, result, to_table(predictions, labels) + (heatmaps ? heatmaps->localization_text() : ""));
    if (predictions.size() == files.size()) return kSuccess;
    std::cerr << fmt::format("keel predict: {} of {} files could not be read\n", files.size() - predictions.size(),
                             files.size());
    return kBadInput;
}

void add_heatmap_options(CLI::App& app, HeatmapOptions& o) {
    app.add_option("--heatmaps", o.directory, "Write into this folder, for each image, where in it a label is seen")
        ->type_name("DIR");
    app.add_option("--heatmap-label", o.labels,
                   "Label to explain, may be given several times; all: every label "
                   "[default: the image's highest-scoring one]")
        ->type_name("LABEL")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--heatmap-layer", o.layer,
                   "Grad-CAM on this layer's map, as keel models NAME lists them [default: class activation maps of "
                   "DenseNet and "
                   "ResNet, Grad-CAM on VGG's last map]")
        ->type_name("LAYER");
    app.add_option("--heatmap-colours", o.colors, "Color map")
        ->check(CLI::IsMember({"inferno", "viridis"}))
        ->capture_default_str();
    app.add_option("--boxes", o.boxes, "Boxes in the form of NIH's BBox_List_2017.csv: how many peaks lie in theirs")
        ->type_name("FILE.csv");
}

}  // namespace

Run add_predict(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("--checkpoint", o->checkpoint, "Checkpoint of keel train")->required()->type_name("FILE");
    add_number(app, "--batch-size", o->batch_size, from_to(1, 4096), "Images a batch");
    add_heatmap_options(app, o->heatmaps);
    add_image_reading_options(app);
    app.add_option("paths", o->paths,
                   "Images (" + image_format_names(", ", ", ") + "), folders of them and of folders, or DICOMDIR files")
        ->required()
        ->type_name("PATH");
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
