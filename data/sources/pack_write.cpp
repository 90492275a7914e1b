// Writes packs: images are decoded and resized on several threads and appended in the order of the splits, so that the
// bytes depend on the source and the size alone, and a split that is read in order is read from front to back.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <xxhash.h>

#include "data/formats/new_folder.h"
#include "data/formats/pack_format.h"
#include "data/pipeline/ordered.h"
#include "data/pipeline/transform.h"
#include "data/sources/pack.h"
#include "data/sources/pack_attributes.h"
#include "data/sources/pack_targets.h"
#include "engine/files.h"
#include "engine/json.h"
#include "engine/patience.h"
#include "kernels/error.h"

namespace keel {
namespace {

using namespace pack;

void check(const PackOptions& o) {
    require<UsageError>(o.size >= 0 && o.size <= kMaxImageSide, "[pack] size must be within [0, 16384] pixels");
    require<UsageError>(o.shard_bytes >= 1 << 20, "[pack] a shard must have at least 1 MiB");
    require<UsageError>(o.workers >= 1 && o.workers <= 1024, "[pack] workers must be within [1, 1024]");
    require<UsageError>(o.max_bad >= 0.0 && o.max_bad <= 1.0, "[pack] max_bad must be within [0, 1]");
}

template <class T>
void append(std::string& bytes, const T& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// Writes the shards, one after another.
class ShardWriter {
public:
    ShardWriter(std::filesystem::path folder, std::uint64_t most) : folder_(std::move(folder)), most_(most) {}

    /// Returns where the image was put: shard and offset.
    std::pair<std::uint32_t, std::uint64_t> append(const std::vector<std::uint8_t>& pixels) {
        if (!file_ || (sizes_.back() > sizeof(ShardHeader) && sizes_.back() + pixels.size() > most_)) begin();
        const std::uint64_t offset = sizes_.back();
        file_->write(pixels.data(), pixels.size());
        sizes_.back() += pixels.size();
        return {static_cast<std::uint32_t>(sizes_.size() - 1), offset};
    }
    void finish() {
        if (file_) file_->commit();
        file_.reset();
    }
    const std::vector<std::uint64_t>& sizes() const { return sizes_; }

private:
    void begin() {
        finish();
        if (sizes_.size() == kMaxShards)
            throw UsageError(
                fmt::format("[pack] more than {} shards; larger ones are wanted (--shard-mb)", kMaxShards));
        const auto number = static_cast<std::uint32_t>(sizes_.size());
        patiently([&] { file_ = std::make_unique<AtomicFile>(folder_ / shard_name(number)); });
        ShardHeader header{.version = kShardVersion, .number = number};
        std::memcpy(header.magic, kShardMagic, kMagicBytes);
        file_->write(&header, sizeof(header));
        sizes_.push_back(sizeof(header));
    }

    std::filesystem::path folder_;
    std::uint64_t most_;
    std::unique_ptr<AtomicFile> file_;
    std::vector<std::uint64_t> sizes_;
};

/// An image ready to be written, or why there is none.
struct Packed {
    Image image;
    std::uint64_t xxh3 = 0;
    std::string bad;
};

/// Returns the map that transform_image() makes of an image before it normalizes it.
Image resized(Image image, int size) {
    if (image.width == size && image.height == size) return image;
    if (image.bits == 8) return resize(image, size, size);
    const Box whole{0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
    return image_of(resize_to_floats(image, whole, size, size));
}

Packed load(const Dataset& dataset, Split split, std::int64_t index, int size) {
    Packed packed;
    try {
        if (size == 0) {
            packed.image = dataset.load(split, index);
        } else {
            // The image that the transform would take, and what it would make of it.
            packed.image = resized(dataset.load(split, index, least_size({.image_size = size}, {})), size);
        }
        packed.xxh3 = XXH3_64bits(packed.image.pixels.data(), packed.image.pixels.size());
    } catch (const StorageError&) {
        throw;  // says nothing about the image
    } catch (const Error& error) {
        packed.bad = error.what();
    }
    return packed;
}

class Packer {
public:
    Packer(const Dataset& dataset, const PackOptions& options, const std::filesystem::path& folder)
        : dataset_(dataset),
          options_(options),
          shards_(folder, static_cast<std::uint64_t>(options.shard_bytes)),
          folder_(folder) {
        if (dataset_.channels() > static_cast<int>(kMaxChannels))
            throw UsageError(
                fmt::format("[pack] {} channels, at most {} can be packed", dataset_.channels(), kMaxChannels));
        for (const Split split : kSplits)
            if (wanted(split)) total_ += dataset_.size(split);
        for (const std::string& label : dataset_.label_names()) {
            append(texts_, static_cast<std::uint32_t>(label.size()));
            texts_ += label;
        }
    }

    PackSummary run() {
        for (const Split split : kSplits)
            if (wanted(split)) pack_split(split);
        if (records_.empty()) throw InputError("[pack] there is no image to pack");
        shards_.finish();
        if (!dataset_.attribute_names().empty())
            write_file_atomically(folder_ / kAttributesName, attributes_csv(dataset_.attribute_names(), packed_));
        const bool labels = dataset_.task() == Task::labels;
        const std::string targets = targets_csv(labels ? dataset_.label_names() : std::vector<std::string>{}, packed_);
        has_targets_ = !targets.empty();
        if (has_targets_) write_file_atomically(folder_ / kTargetsName, targets);
        write_index();
        summary_.shards = std::ssize(shards_.sizes());
        for (const std::uint64_t size : shards_.sizes()) summary_.bytes += static_cast<std::int64_t>(size);
        return summary_;
    }

private:
    bool wanted(Split split) const { return !options_.split || *options_.split == split; }

    void pack_split(Split split) {
        const std::int64_t size = dataset_.size(split);
        std::int64_t bad = 0;
        const auto allowed = bad_images_allowed(options_.max_bad, size);
        for_each_in_order<Packed>(
            size, options_.workers, [&](std::int64_t i) { return load(dataset_, split, i, options_.size); },
            [&](std::int64_t i, Packed& packed) {
                const Sample& sample = dataset_.samples(split)[static_cast<std::size_t>(i)];
                if (packed.bad.empty()) {
                    add(sample, packed);
                    ++summary_.samples[static_cast<std::size_t>(split)];
                } else {
                    ++summary_.bad_images;
                    if (options_.on_bad_image) options_.on_bad_image({i, sample.name, packed.bad});
                    if (++bad > allowed)
                        throw InputError(fmt::format(
                            "[pack] more than {} of {} {} images are bad ({:g} % are allowed); the last one: {}",
                            allowed, size, split_name(split), 100.0 * options_.max_bad, packed.bad));
                }
                if (options_.on_progress) options_.on_progress(++done_, total_);
            });
    }

    /// What is true of a sample; 0 where its class is not known, which known_ tells.
    std::uint64_t truth_of(const Sample& sample) const {
        return dataset_.task() == Task::labels ? sample.mask : static_cast<std::uint64_t>(std::max(sample.label, 0));
    }

    void add(const Sample& sample, const Packed& packed) {
        const auto [shard, offset] = shards_.append(packed.image.pixels);
        records_.push_back({.offset = offset,
                            .xxh3 = packed.xxh3,
                            .truth = truth_of(sample),
                            .shard = shard,
                            .width = static_cast<std::uint32_t>(packed.image.width),
                            .height = static_cast<std::uint32_t>(packed.image.height),
                            .name_bytes = static_cast<std::uint32_t>(sample.name.size()),
                            .patient_bytes = static_cast<std::uint32_t>(sample.patient.size()),
                            .bits = static_cast<std::uint32_t>(packed.image.bits)});
        known_.push_back(sample.known);
        packed_.push_back(&sample);
        texts_ += sample.name;
        texts_ += sample.patient;
    }

    /// The lowest version that says all there is to say.
    std::uint32_t version() const {
        const auto bits_within = [&](std::uint32_t most) {
            return std::ranges::all_of(records_, [&](const IndexRecord& record) { return record.bits <= most; });
        };
        if (has_targets_ || dataset_.reading() != old_reading() || !bits_within(16)) return kVersion;
        const bool plain = (dataset_.channels() == 1 || dataset_.channels() == 3) && bits_within(8) &&
                           std::ranges::all_of(known_, [](std::uint64_t bits) { return bits == kAllKnown; });
        return plain ? kPlainVersion : kDeepVersion;
    }

    /// What stands before the labels.
    std::string reading_text(std::uint32_t version) const {
        std::string bytes;
        if (version < kVersion) return bytes;
        Json json = parse_json(reading_to_json(dataset_.reading()));
        if (has_targets_) json[kTargetsKey] = true;
        const std::string text = json_text(json);
        append(bytes, static_cast<std::uint32_t>(text.size()));
        return bytes + text;
    }

    void write_records(std::uint32_t version, std::string& bytes) const {
        for (std::size_t i = 0; i < records_.size(); ++i) {
            IndexRecord record = records_[i];
            if (version == kPlainVersion) record.bits = 0;
            append(bytes, record);
            if (version != kPlainVersion) append(bytes, known_[i]);
        }
    }

    void write_index() const {
        const std::uint32_t lowest = version();
        const std::string reading = reading_text(lowest);
        IndexHeader header{.version = lowest,
                           .task = dataset_.task() == Task::labels ? 1U : 0U,
                           .channels = static_cast<std::uint32_t>(dataset_.channels()),
                           .side = static_cast<std::uint32_t>(options_.size),
                           .labels = static_cast<std::uint32_t>(dataset_.label_names().size()),
                           .shards = static_cast<std::uint32_t>(shards_.sizes().size()),
                           .text_bytes = reading.size() + texts_.size()};
        std::memcpy(header.magic, kIndexMagic, kMagicBytes);
        for (std::size_t i = 0; i < 3; ++i) header.samples[i] = static_cast<std::uint64_t>(summary_.samples[i]);
        std::string bytes;
        append(bytes, header);
        for (const std::uint64_t size : shards_.sizes()) append(bytes, size);
        write_records(header.version, bytes);
        bytes += reading + texts_;
        append(bytes, std::uint64_t{XXH3_64bits(bytes.data(), bytes.size())});
        if (std::ssize(bytes) > kMaxIndexBytes)
            throw UsageError(fmt::format("[pack] an index of {} bytes, at most {} are read: fewer images", bytes.size(),
                                         kMaxIndexBytes));
        write_file_atomically(folder_ / kIndexName, bytes);
    }

    const Dataset& dataset_;
    const PackOptions& options_;
    ShardWriter shards_;
    std::filesystem::path folder_;
    std::vector<IndexRecord> records_;
    std::vector<std::uint64_t> known_;  // of each record
    std::vector<const Sample*> packed_;
    std::string texts_;
    bool has_targets_ = false;
    PackSummary summary_;
    std::int64_t done_ = 0, total_ = 0;
};

}  // namespace

PackSummary write_pack(const Dataset& dataset, const PackOptions& options) {
    check(options);
    NewFolder folder(options.directory, {"pack", "pack", kIndexName}, options.force);
    const PackSummary summary = Packer(dataset, options, folder.path()).run();
    folder.commit();
    return summary;
}

}  // namespace keel
