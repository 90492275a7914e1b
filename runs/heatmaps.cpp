#include "runs/heatmaps.h"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include "data/formats/decode.h"
#include "data/formats/stb.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "engine/text.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

constexpr Color kOutline{0, 229, 255};  // cyan: no color of the maps comes near it

std::int64_t find_label(const std::vector<std::string>& names, const std::string& label, const std::string& where) {
    const auto it = std::ranges::find(names, label);
    if (it == names.end())
        throw UsageError(
            fmt::format("[heatmaps] {}: the model knows no label '{}'{}", where, label, suggestion(label, names)));
    return it - names.begin();
}

/// Letters, digits and a few signs as they are, `_` for the rest: labels come from a file and must not lead out of the
/// folder.
std::string as_file_name(const std::string& text) {
    std::string name = text;
    for (char& c : name) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!plain) c = '_';
    }
    return name;
}

/// The share of an image that boxes cover together, by the pixels' centres.
double covered(const std::vector<Box>& boxes, const Image& image) {
    std::int64_t inside = 0;
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x)
            inside += std::ranges::any_of(boxes,
                                          [&](const Box& box) {
                                              return holds(box, {x + 0.5, y + 0.5});
                                          })
                          ? 1
                          : 0;
    return static_cast<double>(inside) / (static_cast<double>(image.width) * image.height);
}

/// A box in pixels of an image of side `side`, in pixels of this one; 0: it is in them.
Box in_pixels_of(const Image& image, const Box& box, int side) {
    if (side == 0) return box;
    const double across = static_cast<double>(image.width) / side, down = static_cast<double>(image.height) / side;
    return {box.x * across, box.y * down, box.width * across, box.height * down};
}

/// Throws InputError unless the box lies in the image, but for a pixel that rounding may add.
void check_box(const Box& box, const Image& image, const std::string& name, const HeatmapOptions& o) {
    const double right = box.x + box.width, bottom = box.y + box.height;
    if (box.x < image.width && box.y < image.height && right <= image.width + 1.0 && bottom <= image.height + 1.0)
        return;
    throw InputError(fmt::format(
        "[heatmaps] {}: a box of {} goes from {:.0f}, {:.0f} to {:.0f}, {:.0f}, beyond the image, which is {}x{}: {}",
        o.boxes, name, box.x, box.y, right, bottom, image.width, image.height,
        o.boxes_side == 0 ? "wanted boxes in its own pixels, or --boxes-side N where they are in pixels of images of N "
                            "x N (NIH's: 1024)"
                          : fmt::format("they are no boxes of images of {0} x {0}", o.boxes_side)));
}

}  // namespace

void Heatmaps::Hits::add(const Hits& other) {
    pairs += other.pairs;
    inside += other.inside;
    area += other.area;
}

Heatmaps::Heatmaps(HeatmapOptions options, const std::string& checkpoint)
    : options_(std::move(options)), activation_(load_model(checkpoint), options_.layer) {
    const auto& names = activation_.spec().label_names;
    for (const std::string& label : options_.labels) {
        if (label != "all" || std::ranges::find(names, label) != names.end()) {
            wanted_.push_back(find_label(names, label, "--heatmap-label"));
            continue;
        }
        wanted_.resize(names.size());
        std::iota(wanted_.begin(), wanted_.end(), std::int64_t{0});
        break;
    }
    if (!options_.boxes.empty())
        for (LabelledBox& box : read_boxes(options_.boxes)) {
            find_label(names, box.label, options_.boxes);
            farthest_ = std::max({farthest_, box.box.x + box.box.width, box.box.y + box.box.height});
            boxes_[box.image].push_back(std::move(box));
        }
    make_folders(options_.directory);
}

std::vector<std::int64_t> Heatmaps::drawn_labels(std::span<const float> scores) const {
    return wanted_.empty() ? std::vector<std::int64_t>{std::ranges::max_element(scores) - scores.begin()} : wanted_;
}

std::vector<Box> Heatmaps::boxes_of(const std::string& name, std::int64_t label, const Image& image) const {
    std::vector<Box> boxes;
    const auto of_image = boxes_.find(name);
    if (of_image == boxes_.end()) return boxes;
    for (const LabelledBox& b : of_image->second) {
        if (b.label != activation_.spec().label_names[static_cast<std::size_t>(label)]) continue;
        boxes.push_back(in_pixels_of(image, b.box, options_.boxes_side));
        check_box(boxes.back(), image, name, options_);
    }
    return boxes;
}

void Heatmaps::warn_of_scale(const std::string& name, const Image& image) {
    const int largest = std::max(image.width, image.height);
    if (options_.boxes_side != 0 || farthest_ <= largest + 1.0 || !warnings_.empty()) return;
    warnings_.push_back(
        fmt::format("boxes of {} reach to {:.0f} pixels, {} is {}x{}: if they are in pixels of larger "
                    "images than these, --boxes-side N scales them (NIH's: 1024)",
                    options_.boxes, farthest_, name, image.width, image.height));
}

std::string Heatmaps::file_for(const std::string& path, std::int64_t label) {
    const std::string stem = fs::path(path).stem().string(),
                      end = fmt::format(".{}",
                                        as_file_name(activation_.spec().label_names[static_cast<std::size_t>(label)]));
    std::string name = stem + end;
    for (int number = 2; !files_.insert(name).second; ++number) name = fmt::format("{}-{}{}", stem, number, end);
    return (fs::path(options_.directory) / (name + ".png")).string();
}

Json Heatmaps::explain(const std::string& path, const Tensor& input, std::span<const float> scores) {
    const std::string name = fs::path(path).filename().string();
    const std::vector<std::int64_t> drawn = drawn_labels(scores);
    std::vector<std::int64_t> labels = drawn;
    if (const auto of_image = boxes_.find(name); of_image != boxes_.end())
        for (const LabelledBox& box : of_image->second) {
            const auto label = find_label(activation_.spec().label_names, box.label, options_.boxes);
            if (std::ranges::find(labels, label) == labels.end()) labels.push_back(label);
        }
    const Tensor maps = activation_.maps(input, labels);
    const Image image = shown(load_image(path, 0, {.reading = options_.reading}));
    if (boxes_.contains(name)) warn_of_scale(name, image);
    Json entries = Json::array();
    for (std::size_t k = 0; k < labels.size(); ++k) {
        const HeatGrid heat = heat_of(activation_, maps, 0, static_cast<std::int64_t>(k));
        const ImagePoint peak = peak_of(heat, image.width, image.height);
        const std::vector<Box> boxes = boxes_of(name, labels[k], image);
        Json entry{{"label", activation_.spec().label_names[static_cast<std::size_t>(labels[k])]},
                   {"peak", {peak.x, peak.y}}};
        if (k < drawn.size()) {
            Image over = overlay(image, heat, options_.colors == "viridis" ? ColorMap::viridis : ColorMap::inferno);
            for (const Box& box : boxes) draw_outline(over, box, kOutline, std::max(1, over.width / 400));
            const std::string file = file_for(path, labels[k]);
            const auto bytes = encode_png(over);
            write_file_atomically(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
            entry["file"] = file;
        }
        if (!boxes.empty()) {
            const bool inside = std::ranges::any_of(boxes, [&](const Box& box) { return holds(box, peak); });
            hits_[labels[k]].add({1, inside ? 1 : 0, covered(boxes, image)});
            entry["boxes"] = boxes.size();
            entry["inside"] = inside;
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<std::pair<std::string, Heatmaps::Hits>> Heatmaps::hits_by_label() const {
    std::vector<std::pair<std::string, Hits>> rows;
    Hits all;
    for (const auto& [label, hits] : hits_) {
        rows.emplace_back(activation_.spec().label_names[static_cast<std::size_t>(label)], hits);
        all.add(hits);
    }
    rows.emplace_back("all", all);
    return rows;
}

Json Heatmaps::localization() const {
    if (options_.boxes.empty()) return nullptr;
    Json object = Json::object();
    for (const auto& [label, hits] : hits_by_label()) {
        const auto pairs = static_cast<double>(hits.pairs);
        object[label] = {{"pairs", hits.pairs},
                         {"inside", hits.inside},
                         {"share", hits.pairs > 0 ? Json(static_cast<double>(hits.inside) / pairs) : Json()},
                         {"chance", hits.pairs > 0 ? Json(hits.area / pairs) : Json()}};
    }
    return object;
}

std::string Heatmaps::localization_text() const {
    if (options_.boxes.empty()) return "";
    std::vector<std::vector<std::string>> rows{{"label", "images with boxes", "peak inside", "share", "by chance"}};
    for (const auto& [label, of_label] : hits_by_label()) {
        const auto& hits = of_label;  // Clang 14 captures no structured binding
        const auto share = [&](double part) {
            return hits.pairs > 0 ? fmt::format("{:.3f}", part / static_cast<double>(hits.pairs)) : std::string("-");
        };
        rows.push_back({label, std::to_string(hits.pairs), std::to_string(hits.inside),
                        share(static_cast<double>(hits.inside)), share(hits.area)});
    }
    return fmt::format("\n{}", format_table(rows));
}

}  // namespace keel
