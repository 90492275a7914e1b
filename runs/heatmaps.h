// keel predict --heatmaps: what a model saw in each image, as images, and whether it looked where radiologists did.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/sources/boxes.h"
#include "embed/class_activation.h"
#include "engine/json.h"
#include "embed/heatmap.h"

namespace keel {

struct HeatmapOptions {
    std::string directory;                         ///< empty: no heatmaps
    std::vector<std::string> labels;               ///< empty: each image's highest-scoring one; "all": all
    std::string layer, boxes, colors = "inferno";  ///< empty layer: class activation maps; empty boxes: none
    ImageReading reading{};  ///< of the images that are drawn over: what the model's input was read with
    int boxes_side = 0;  ///< side in pixels of the images that the boxes are in pixels of; 0: the images as they are
};

class Heatmaps {
public:
    /// Throws UsageError for options that do not fit the model, InputError or IoError for files.
    Heatmaps(HeatmapOptions options, const std::string& checkpoint);

    /// Writes the heatmaps of one image, each as DIR/NAME.LABEL.png of the image's size, and compares with its boxes.
    /// `input` {1, size, size, channels} is the image as the model takes it, `scores` one probability a label. Returns
    /// [{label, file, peak [x, y], boxes, inside}]; file, boxes and inside only where there are.
    Json explain(const std::string& path, const Tensor& input, std::span<const float> scores);

    /// {"LABEL": {"pairs", "inside", "share", "chance"}, ..., "all": ...}: pairs of an image and a label with boxes,
    /// those whose peak lies in one of them, and the share of the image that the boxes take, where a random peak would
    /// lie. Null without boxes.
    Json localization() const;
    std::string localization_text() const;

    /// Returns what may be wrong with the boxes, for people.
    const std::vector<std::string>& warnings() const { return warnings_; }

private:
    struct Hits {
        std::int64_t pairs = 0, inside = 0;
        double area = 0;  ///< summed shares of the boxes in their images
        void add(const Hits& other);
    };
    std::vector<std::int64_t> drawn_labels(std::span<const float> scores) const;
    std::vector<Box> boxes_of(const std::string& name, std::int64_t label, const Image& image) const;
    void warn_of_scale(const std::string& name, const Image& image);
    std::string file_for(const std::string& path, std::int64_t label);
    std::vector<std::pair<std::string, Hits>> hits_by_label() const;

    HeatmapOptions options_;
    ClassActivation activation_;
    std::vector<std::int64_t> wanted_;  ///< empty: the highest-scoring one
    std::unordered_map<std::string, std::vector<LabelledBox>> boxes_;
    std::map<std::int64_t, Hits> hits_;
    std::set<std::string> files_;
    double farthest_ = 0;  ///< pixels that any box of the file reaches to
    std::vector<std::string> warnings_;
};

}  // namespace keel
