// MedMNIST's .npz files: {train,val,test}_{images,labels} in one zip archive.
#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "data/formats/npy.h"
#include "data/formats/zip.h"
#include "data/sources/sources.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::int64_t kMaxArchiveBytes = (std::int64_t{1} << 32) - 1;  // zip64 begins here
constexpr std::int64_t kMaxClasses = 65'536;

class Archive {
public:
    explicit Archive(const std::string& path) : path_(path), bytes_(read_file(path, kMaxArchiveBytes)) {
        for (const ZipEntry& entry : zip_entries(bytes_, path)) {
            if (!entries_.emplace(entry.name, entry).second)
                throw InputError(fmt::format("[medmnist] {} holds {} twice", path, entry.name));
        }
    }
    NpyArray array(const std::string& key) const {
        const auto entry = entries_.find(key + ".npy");
        if (entry == entries_.end()) throw InputError(fmt::format("[medmnist] {} has no array '{}'", path_, key));
        return parse_npy(zip_extract(bytes_, entry->second, path_), path_ + ":" + key);
    }

private:
    std::string path_;
    std::vector<std::uint8_t> bytes_;
    std::map<std::string, ZipEntry> entries_;
};

std::string shape_text(const NpyArray& array) {
    std::string text;
    for (std::int64_t extent : array.shape) text += fmt::format("{}{}", text.empty() ? "" : ",", extent);
    return text;
}

/// Height, width and channels, equal in all three splits.
struct Geometry {
    std::int64_t height = 0, width = 0, channels = 0;
    bool operator==(const Geometry&) const = default;
};

Geometry image_geometry(const NpyArray& images, const std::string& where) {
    const auto& s = images.shape;
    const bool good = images.kind == 'u' && images.item_bytes == 1 && (s.size() == 3 || (s.size() == 4 && s[3] == 3)) &&
                      s[1] >= 1 && s[1] <= kMaxImageSide && s[2] >= 1 && s[2] <= kMaxImageSide;
    if (!good)
        throw InputError(fmt::format("[medmnist] {}: images must be uint8 of shape N,H,W or N,H,W,3, not {}", where,
                                     shape_text(images)));
    return {s[1], s[2], s.size() == 4 ? 3 : 1};
}

void read_labels(const NpyArray& labels, std::int64_t i, const std::string& where, Sample& sample) {
    const std::int64_t width = labels.shape[1];
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

}  // namespace

std::unique_ptr<Dataset> open_medmnist(const std::string& path, const DatasetOptions&) {
    const Archive archive(path);
    DatasetContents contents;
    contents.origins.fill("by the file");
    Geometry geometry;
    std::vector<std::uint8_t> pixels;
    std::int64_t record = 0, label_width = 0, classes = 0;
    for (Split split : kSplits) {
        const std::string prefix = split_name(split), where = path + ":" + prefix;
        const NpyArray images = archive.array(prefix + "_images"), labels = archive.array(prefix + "_labels");
        const Geometry found = image_geometry(images, where);
        const bool first = split == Split::train;
        const auto& shape = labels.shape;
        if (shape.size() != 2 || shape[0] != images.shape[0] || shape[1] < 1 || shape[1] > kMaxLabels) {
            throw InputError(fmt::format("[medmnist] {}: labels of shape {} do not fit images of shape {}", where,
                                         shape_text(labels), shape_text(images)));
        }
        if (!first && (found != geometry || shape[1] != label_width))
            throw InputError(fmt::format("[medmnist] {} differs in shape from train", where));
        geometry = found;
        label_width = shape[1];
        auto& samples = contents.splits[static_cast<std::size_t>(split)];
        samples.reserve(static_cast<std::size_t>(shape[0]));
        for (std::int64_t i = 0; i < shape[0]; ++i) {
            Sample& sample = samples.emplace_back();
            sample.name = fmt::format("{}/{}", prefix, i);
            sample.record = record++;
            read_labels(labels, i, where, sample);
            classes = std::max<std::int64_t>(classes, sample.label + 1);
        }
        pixels.insert(pixels.end(), images.bytes(), images.bytes() + images.size());
    }
    if (contents.splits[0].empty()) throw InputError(fmt::format("[medmnist] {} has no training images", path));
    contents.task = label_width == 1 ? Task::classes : Task::labels;
    contents.channels = static_cast<int>(geometry.channels);
    for (std::int64_t i = 0; i < (label_width == 1 ? classes : label_width); ++i)
        contents.label_names.push_back(std::to_string(i));
    return make_memory_dataset(std::move(contents), static_cast<int>(geometry.width), static_cast<int>(geometry.height),
                               std::move(pixels));
}

}  // namespace keel
