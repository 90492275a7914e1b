#include "data/sources/sources.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/core.h>
#include <xxhash.h>

#include "data/formats/decode.h"
#include "data/sources/image_tree.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace keel {
namespace {

class FileDataset : public Dataset {
public:
    explicit FileDataset(DatasetContents contents) : Dataset(std::move(contents)) {}

    std::vector<std::string> files() const override {
        std::vector<std::string> paths;
        for (const Split split : kSplits)
            for (const Sample& sample : samples(split)) paths.push_back(sample.file);
        return paths;
    }

protected:
    Image read(const Sample& sample, LeastSize least) const override {
        return load_image(sample.file, channels(), {.least = least, .keep_16_bits = true, .reading = reading()});
    }
};

class MemoryDataset : public Dataset {
public:
    MemoryDataset(DatasetContents contents, int width, int height, int bits, std::vector<PixelBlock> blocks)
        : Dataset(std::move(contents)), width_(width), height_(height), bits_(bits), blocks_(std::move(blocks)) {}

protected:
    Image read(const Sample& sample, LeastSize) const override {
        Image image(width_, height_, channels(), bits_);
        auto record = sample.record;
        const auto block = std::ranges::find_if(blocks_, [&](const PixelBlock& b) {
            const bool here = record < b.images;
            if (!here) record -= b.images;
            return here;
        });
        std::memcpy(image.pixels.data(),
                    block->bytes.data() + block->begin + static_cast<std::size_t>(record) * image.pixels.size(),
                    image.pixels.size());
        return image;
    }

private:
    int width_, height_, bits_;
    std::vector<PixelBlock> blocks_;
};

template <class Wanted>
std::vector<std::string> list(const std::string& directory, const Wanted& wanted) {
    std::vector<std::string> names;
    for (FolderEntry& entry : list_folder(directory))
        if (!is_hidden_name(entry.name) && wanted(entry)) names.push_back(std::move(entry.name));
    return names;
}

}  // namespace

std::unique_ptr<Dataset> make_file_dataset(DatasetContents contents, const ImageReading& reading) {
    contents.reading = reading;
    return std::make_unique<FileDataset>(std::move(contents));
}

std::string held_out_text(double fraction, const std::string& what, std::uint64_t seed) {
    return fmt::format("{:g} % of {}, seed {}", fraction * 100, what, seed);
}

std::string some_of(const std::vector<std::string>& names, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i == 0 ? "" : ", ") + excerpt(names[i]);
    return names.size() > most ? text + fmt::format(" and {} more", names.size() - most) : text;
}

std::unique_ptr<Dataset> make_memory_dataset(DatasetContents contents, int width, int height,
                                             std::vector<std::uint8_t> pixels) {
    std::vector<PixelBlock> blocks(1);
    blocks[0].images =
        static_cast<std::int64_t>(pixels.size()) / (std::int64_t{width} * height * std::int64_t{contents.channels});
    blocks[0].bytes = std::move(pixels);
    return make_memory_dataset(std::move(contents), width, height, 8, std::move(blocks));
}

std::unique_ptr<Dataset> make_memory_dataset(DatasetContents contents, int width, int height, int bits,
                                             std::vector<PixelBlock> blocks) {
    return std::make_unique<MemoryDataset>(std::move(contents), width, height, bits, std::move(blocks));
}

std::vector<std::size_t> hold_out_order(const std::vector<std::string>& keys, std::uint64_t seed) {
    struct Ranked {
        std::uint32_t rank;
        std::size_t index;
    };
    std::vector<Ranked> ranked(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        ranked[i] = {Random(seed, Draw::split, 0, XXH3_64bits(keys[i].data(), keys[i].size())).bits(), i};
    }
    std::ranges::sort(ranked, [&](const Ranked& a, const Ranked& b) {
        return a.rank != b.rank ? a.rank < b.rank : keys[a.index] < keys[b.index];
    });
    std::vector<std::size_t> order;
    for (const Ranked& entry : ranked) order.push_back(entry.index);
    return order;
}

std::vector<bool> hold_out(const std::vector<std::string>& keys, double fraction, std::uint64_t seed) {
    const std::vector<std::size_t> order = hold_out_order(keys, seed);
    auto count = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(keys.size())));
    if (fraction > 0.0 && keys.size() >= 2) count = std::clamp<std::size_t>(count, 1, keys.size() - 1);
    std::vector<bool> held(keys.size());
    for (std::size_t i = 0; i < count; ++i) held[order[i]] = true;
    return held;
}

void split_off(std::vector<Sample>& from, std::vector<Sample>& to, double fraction, std::uint64_t seed) {
    std::vector<std::string> keys;
    for (const Sample& sample : from) keys.push_back(sample.name);
    const std::vector<bool> held = hold_out(keys, fraction, seed);
    std::vector<Sample> kept;
    for (std::size_t i = 0; i < from.size(); ++i) (held[i] ? to : kept).push_back(std::move(from[i]));
    from = std::move(kept);
}

std::vector<std::string> list_images(const std::string& directory) {
    return list(directory, [&](const FolderEntry& entry) {
        return entry.kind != PathKind::folder && is_image_file(directory + "/" + entry.name);
    });
}

std::vector<std::string> list_directories(const std::string& directory) {
    return list(directory, [](const FolderEntry& entry) { return entry.kind == PathKind::folder; });
}

}  // namespace keel
