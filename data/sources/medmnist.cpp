// MedMNIST's .npz files: {train,val,test}_{images,labels} in one zip archive.
#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "data/formats/npy.h"
#include "data/formats/zip.h"
#include "data/sources/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::int64_t kMaxClasses = 65'536;

class Archive {
public:
    explicit Archive(const std::string& path) : path_(path), zip_(path) {
        for (const ZipEntry& entry : zip_.entries()) {
            if (!entries_.emplace(entry.name, entry).second)
                throw InputError(fmt::format("[medmnist] {} holds {} twice", path, entry.name));
        }
    }
    NpyArray array(const std::string& key) const {
        const auto entry = entries_.find(key + ".npy");
        if (entry == entries_.end()) throw InputError(fmt::format("[medmnist] {} has no array '{}'", path_, key));
        return parse_npy(zip_.extract(entry->second), path_ + ":" + key);
    }

private:
    std::string path_;
    ZipArchive zip_;
    std::map<std::string, ZipEntry> entries_;
};

std::string shape_text(const NpyArray& array) {
    std::string text;
    for (std::int64_t extent : array.shape) text += fmt::format("{}{}", text.empty() ? "" : ",", extent);
    return text;
}

/// What images of a shape that is not read may be; empty where nobody knows.
std::string shape_hint(const std::vector<std::int64_t>& s) {
    if (s.size() == 4 && (s[1] == 1 || s[1] == 3))
        return " (channels first? images.transpose(0, 2, 3, 1) puts them last)";
    if (s.size() >= 4) return " (volumes, as of MedMNIST3D? images of two dimensions alone are read)";
    return "";
}

/// Height, width, channels and bits of a sample, equal in all three splits.
struct Geometry {
    std::int64_t height = 0, width = 0, channels = 0;
    int bits = 8;
    bool operator==(const Geometry&) const = default;
};

Geometry image_geometry(const NpyArray& images, const std::string& where) {
    const auto& s = images.shape;
    const bool deep = s.size() == 4, flat = s.size() == 3 || (deep && (s[3] == 1 || s[3] == 3));
    if (images.kind != 'u' || images.item_bytes > 2 || !flat || s[1] < 1 || s[1] > kMaxImageSide || s[2] < 1 ||
        s[2] > kMaxImageSide)
        throw InputError(fmt::format(
            "[medmnist] {}: images must be uint8 of shape N,H,W, N,H,W,1 or N,H,W,3, or uint16, not {} of {} bytes{}",
            where, shape_text(images), images.item_bytes, shape_hint(s)));
    return {s[1], s[2], deep ? s[3] : 1, 8 * images.item_bytes};
}

/// Labels an image; 1 for classes, whose array may be flat.
std::int64_t label_width(const NpyArray& labels, const NpyArray& images, const std::string& where) {
    const auto& s = labels.shape;
    const std::int64_t width = s.size() == 2 ? s[1] : 1;
    if (s.empty() || s.size() > 2 || s[0] != images.shape[0] || width < 1 || width > kMaxLabels)
        throw InputError(fmt::format("[medmnist] {}: labels of shape {} do not fit images of shape {}", where,
                                     shape_text(labels), shape_text(images)));
    return width;
}

void read_labels(const NpyArray& labels, std::int64_t i, std::int64_t width, const std::string& where, Sample& sample) {
    for (std::int64_t j = 0; j < width; ++j) {
        const std::int64_t value = labels.integer(i * width + j), most = width == 1 ? kMaxClasses - 1 : 1;
        if (value < 0 || value > most)
            throw InputError(fmt::format("[medmnist] {}: label {} of row {}, want 0 to {}", where, value, i, most));
        if (width == 1) {
            sample.label = static_cast<std::int32_t>(value);
        } else {
            sample.mask |= static_cast<std::uint64_t>(value) << j;
        }
    }
}

/// Returns the number of classes, one more than the largest label says. Throws InputError where fewer than half of
/// them occur: a label that stands for "unknown" makes hundreds of them.
std::int64_t count_classes(const DatasetContents& contents, const std::string& path) {
    std::vector<bool> occurs;
    const Sample* largest = nullptr;
    for (const auto& split : contents.splits)
        for (const Sample& sample : split) {
            if (largest == nullptr || sample.label > largest->label) largest = &sample;
            occurs.resize(static_cast<std::size_t>(largest->label) + 1);
            occurs[static_cast<std::size_t>(sample.label)] = true;
        }
    const std::int64_t used = std::ranges::count(occurs, true), all = std::ssize(occurs);
    if (2 * used < all)
        throw InputError(
            fmt::format("[medmnist] {}: label {} of {} makes {} classes, of which {} occur; number the classes from 0 "
                        "without gaps, and leave out images whose class is not known",
                        path, largest->label, largest->name, all, used));
    return all;
}

/// Rows with exactly one label each look like classes in another form.
bool one_label_each(const DatasetContents& contents) {
    return std::ranges::all_of(contents.splits, [](const auto& split) {
        return std::ranges::all_of(split, [](const Sample& sample) { return std::popcount(sample.mask) == 1; });
    });
}

/// Reads a file's arrays, split by split.
class MedmnistReader {
public:
    explicit MedmnistReader(const std::string& path) : path_(path), archive_(path) {}

    std::unique_ptr<Dataset> run() {
        contents_.origins.fill("by the file");
        for (const Split split : kSplits) read_split(split);
        if (contents_.splits[0].empty()) throw InputError(fmt::format("[medmnist] {} has no training images", path_));
        contents_.task = width_ == 1 ? Task::classes : Task::labels;
        contents_.channels = static_cast<int>(geometry_.channels);
        const std::int64_t labels = width_ == 1 ? count_classes(contents_, path_) : width_;
        for (std::int64_t i = 0; i < labels; ++i) contents_.label_names.push_back(std::to_string(i));
        if (width_ > 1 && one_label_each(contents_))
            contents_.remarks.push_back(
                {false, fmt::format("every image has exactly one of the {} labels: if they are classes, save their "
                                    "numbers in one column",
                                    width_)});
        return make_memory_dataset(std::move(contents_), static_cast<int>(geometry_.width),
                                   static_cast<int>(geometry_.height), geometry_.bits, std::move(blocks_));
    }

private:
    void read_split(Split split) {
        const std::string prefix = split_name(split), where = path_ + ":" + prefix;
        NpyArray images = archive_.array(prefix + "_images");
        const NpyArray labels = archive_.array(prefix + "_labels");
        const Geometry geometry = image_geometry(images, where);
        const std::int64_t width = label_width(labels, images, where);
        if (split != Split::train && (geometry != geometry_ || width != width_))
            throw InputError(fmt::format("[medmnist] {} differs in shape from train", where));
        geometry_ = geometry;
        width_ = width;
        auto& samples = contents_.splits[static_cast<std::size_t>(split)];
        samples.reserve(static_cast<std::size_t>(images.shape[0]));
        for (std::int64_t i = 0; i < images.shape[0]; ++i) {
            Sample& sample = samples.emplace_back();
            sample.name = fmt::format("{}/{}", prefix, i);
            sample.record = record_++;
            read_labels(labels, i, width, where, sample);
        }
        blocks_.push_back({std::move(images.file), images.data, images.shape[0]});
    }

    std::string path_;
    Archive archive_;
    DatasetContents contents_;
    Geometry geometry_;
    std::vector<PixelBlock> blocks_;
    std::int64_t record_ = 0, width_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_medmnist(const std::string& path, const DatasetOptions&) {
    return MedmnistReader(path).run();
}

}  // namespace keel
