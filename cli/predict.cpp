// keel predict
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/output.h"
#include "data/formats/image_format.h"
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

/// Files as they are; a folder stands for the images in it, sorted.
std::vector<std::string> expand(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (!std::filesystem::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        std::vector<std::string> inside;
        for (const auto& entry : std::filesystem::directory_iterator(path))
            if (entry.is_regular_file() && has_image_extension(entry.path().filename().string()))
                inside.push_back(entry.path().string());
        if (inside.empty())
            throw InputError("[predict] " + path + " holds no " + image_format_names(", ", " or ") + " files");
        std::ranges::sort(inside);
        files.insert(files.end(), inside.begin(), inside.end());
    }
    return files;
}

/// The files' images as the model's input, one behind the other; files that cannot be read are named on stderr and
/// taken out.
Tensor load_batch(std::vector<std::string>& files, const TransformOptions& transform) {
    const std::int64_t floats = std::int64_t{transform.image_size} * transform.image_size * transform.channels;
    Tensor images = Tensor::empty({std::ssize(files), transform.image_size, transform.image_size, transform.channels});
    std::int64_t good = 0;
    std::erase_if(files, [&](const std::string& file) {
        try {
            transform_image(load_image(file, transform), transform, {}, images.data<float>() + good * floats);
            ++good;
            return false;
        } catch (const Error& error) {
            std::cerr << "keel predict: skipped " << file << ": " << error.what() << '\n';
            return true;
        }
    });
    return Tensor::from<float>(images.values<float>().first(static_cast<std::size_t>(good * floats)),
                               {good, transform.image_size, transform.image_size, transform.channels});
}

/// Image i of a batch, as a batch of one.
Tensor sample_of(const Tensor& batch, std::size_t i) {
    const auto count = static_cast<std::size_t>(batch.elements() / batch.dim(0));
    return Tensor::from<float>(batch.values<float>().subspan(i * count, count),
                               {1, batch.dim(1), batch.dim(2), batch.dim(3)});
}

int run(const Options& o, const Globals& globals) {
    if (o.heatmaps.directory.empty() && !(o.heatmaps.boxes + o.heatmaps.layer).empty())
        throw UsageError("[predict] --boxes and --heatmap-layer want --heatmaps DIR");
    const std::vector<std::string> files = expand(o.paths);
    const Predictor model(o.checkpoint, std::min(o.batch_size, std::ssize(files)));
    const TransformOptions transform = transform_of(model.spec());
    const auto& labels = model.spec().label_names;
    std::optional<Heatmaps> heatmaps;
    if (!o.heatmaps.directory.empty()) heatmaps.emplace(o.heatmaps, o.checkpoint);
    Json images = Json::array();
    std::vector<std::vector<std::string>> rows{{"image"}};
    rows[0].insert(rows[0].end(), labels.begin(), labels.end());
    for (std::size_t begin = 0; begin < files.size(); begin += static_cast<std::size_t>(o.batch_size)) {
        const auto end = std::min(files.size(), begin + static_cast<std::size_t>(o.batch_size));
        std::vector<std::string> batch(files.begin() + static_cast<std::ptrdiff_t>(begin),
                                       files.begin() + static_cast<std::ptrdiff_t>(end));
        const Tensor input = load_batch(batch, transform);
        if (batch.empty()) continue;
        const Tensor scores = model.predict(input);
        const auto values = scores.values<float>();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            Json by_label = Json::object();
            rows.push_back({batch[i]});
            for (std::size_t k = 0; k < labels.size(); ++k) {
                by_label[labels[k]] = values[i * labels.size() + k];
                rows.back().push_back(fmt::format("{:.4f}", values[i * labels.size() + k]));
            }
            images.push_back({{"path", batch[i]}, {"scores", std::move(by_label)}});
            if (heatmaps)
                images.back()["heatmaps"] =
                    heatmaps->explain(batch[i], sample_of(input, i), values.subspan(i * labels.size(), labels.size()));
        }
    }
    const bool single = images.size() == 1;
    if (single) {  // one image reads better as a column
        std::vector<std::vector<std::string>> column;
        for (std::size_t k = 0; k < rows[0].size(); ++k) column.push_back({rows[0][k], rows[1][k]});
        rows = std::move(column);
    }
    const bool complete = images.size() == files.size();
    if (images.empty()) throw InputError("[predict] none of the images could be read");
    Json result{{"images", std::move(images)}};
    if (heatmaps && !o.heatmaps.boxes.empty()) result["localisation"] = heatmaps->localization();
    print_result(globals, result, format_table(rows) + (heatmaps ? heatmaps->localization_text() : ""));
    return complete ? kSuccess : kBadInput;
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
    app.add_option("paths", o->paths, "Images (" + image_format_names(", ", ", ") + "), or folders of them")
        ->required()
        ->type_name("PATH");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
