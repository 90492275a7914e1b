// Opens packs. Whatever the files hold, each length is checked against what is there before it is believed.
#include "data/sources/pack.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <xxhash.h>

#include "data/formats/decode.h"
#include "data/formats/pack_format.h"
#include "data/sources/pack_attributes.h"
#include "data/sources/pack_targets.h"
#include "data/sources/patients_and_views.h"
#include "data/sources/sources.h"
#include "engine/files.h"
#include "engine/json.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

using namespace pack;

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
    throw InputError(fmt::format("[pack] {}: {}", file, what));
}

/// What is left to read of the index.
class Cursor {
public:
    Cursor(std::span<const std::uint8_t> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

    template <class T>
    T read() {
        T value;
        std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
        return value;
    }
    std::string text(std::size_t size) {
        const auto bytes = take(size);
        return {bytes.begin(), bytes.end()};
    }
    std::size_t left() const { return bytes_.size(); }

private:
    std::span<const std::uint8_t> take(std::size_t size) {
        if (size > bytes_.size()) refuse(file_, "its texts end too early");
        const auto taken = bytes_.first(size);
        bytes_ = bytes_.subspan(size);
        return taken;
    }
    std::span<const std::uint8_t> bytes_;
    const std::string& file_;
};

IndexHeader read_header(Cursor& cursor, std::size_t file_bytes, const std::string& file) {
    if (file_bytes < sizeof(IndexHeader) + sizeof(std::uint64_t)) refuse(file, "the file is too short for an index");
    const auto h = cursor.read<IndexHeader>();
    if (std::memcmp(h.magic, kIndexMagic, kMagicBytes) != 0) refuse(file, "is no index of a pack");
    if (h.version < kPlainVersion || h.version > kVersion)
        refuse(file, fmt::format("the pack is of version {}, this program reads {} to {}", h.version, kPlainVersion,
                                 kVersion));
    // Each count fits the file by itself, so the sum below cannot overflow.
    const std::uint64_t size = file_bytes, each = record_bytes(h.version);
    std::uint64_t wanted =
        sizeof(IndexHeader) + sizeof(std::uint64_t) + h.text_bytes + std::uint64_t{h.shards} * sizeof(std::uint64_t);
    bool fits = h.text_bytes <= size;
    for (const std::uint64_t samples : h.samples) {
        fits = fits && samples <= size / each;
        if (fits) wanted += samples * each;
    }
    if (!fits || wanted != size) refuse(file, fmt::format("its header claims other contents than its {} bytes", size));
    const std::uint32_t most = h.task == 1 ? kMaxLabels : kMaxClasses;
    const bool channels_fit =
        h.version == kPlainVersion ? h.channels == 1 || h.channels == 3 : h.channels >= 1 && h.channels <= kMaxChannels;
    if (h.task > 1 || !channels_fit || h.side > kMaxImageSide || h.labels < 1 || h.labels > most ||
        h.shards > kMaxShards)
        refuse(file, fmt::format("task {}, {} channels, side {}, {} labels, {} shards: out of range", h.task,
                                 h.channels, h.side, h.labels, h.shards));
    return h;
}

std::vector<std::string> read_labels(Cursor& cursor, std::uint32_t count, const std::string& file) {
    std::vector<std::string> labels;
    std::unordered_set<std::string> seen;
    for (std::uint32_t i = 0; i < count; ++i) {
        labels.push_back(cursor.text(cursor.read<std::uint32_t>()));
        if (!printable(labels.back()) || !seen.insert(labels.back()).second)
            refuse(file,
                   fmt::format("label {} is '{}': empty, not printable or there twice", i, excerpt(labels.back())));
    }
    return labels;
}

/// Refuses a record unless its image lies within its shard and its labels exist.
void check_record(const IndexRecord& r, std::uint64_t number, const IndexHeader& h,
                  std::span<const std::uint64_t> shard_bytes, const std::string& file) {
    const auto bad = [&](const std::string& what) { refuse(file, fmt::format("record {} {}", number, what)); };
    const std::uint64_t pixels = std::uint64_t{r.width} * r.height;  // each below 2^32
    if (r.width < 1 || r.height < 1 || r.width > kMaxImageSide || r.height > kMaxImageSide ||
        pixels > static_cast<std::uint64_t>(kMaxImagePixels) ||
        (h.side != 0 && (r.width != h.side || r.height != h.side)))
        bad(fmt::format("claims {} x {} pixels", r.width, r.height));
    if (r.shard >= shard_bytes.size()) bad(fmt::format("is in shard {} of {}", r.shard, shard_bytes.size()));
    const bool deep = r.bits == 16 || (r.bits == 32 && h.version >= kVersion);
    if (h.version == kPlainVersion ? r.bits != 0 : r.bits != 8 && !deep) bad("is of more than this program reads");
    const std::uint64_t bytes = pixel_bytes(r, h.channels), end = shard_bytes[r.shard];
    if (bytes > end || r.offset < sizeof(ShardHeader) || r.offset > end - bytes)
        bad(fmt::format("claims {} bytes at byte {} of {}, which has {}", bytes, r.offset, shard_name(r.shard), end));
    if (h.task == 1 ? h.labels < std::uint32_t{kMaxLabels} && r.truth >> h.labels != 0 : r.truth >= h.labels)
        bad("has a label that does not exist");
    if (r.name_bytes == 0) bad("has no name");
}

struct Index {
    IndexHeader header{};
    std::vector<std::uint64_t> shard_bytes;
    std::vector<IndexRecord> records;
    std::vector<std::uint64_t> known;  ///< of each record
    bool has_targets = false;
    DatasetContents contents;
};

void read_records(Cursor& cursor, Index& index, const std::string& file) {
    const IndexHeader& h = index.header;
    for (const std::uint64_t samples : h.samples)
        for (std::uint64_t i = 0; i < samples; ++i) {
            index.records.push_back(cursor.read<IndexRecord>());
            check_record(index.records.back(), index.records.size() - 1, h, index.shard_bytes, file);
            index.known.push_back(h.version == kPlainVersion ? kAllKnown : cursor.read<std::uint64_t>());
        }
}

void read_samples(Cursor& cursor, Index& index, const std::string& file) {
    std::size_t number = 0;
    for (const Split split : kSplits) {
        auto& samples = index.contents.splits[static_cast<std::size_t>(split)];
        for (std::uint64_t i = 0; i < index.header.samples[static_cast<std::size_t>(split)]; ++i, ++number) {
            const IndexRecord& r = index.records[number];
            Sample& sample = samples.emplace_back();
            sample.name = cursor.text(r.name_bytes);
            sample.patient = cursor.text(r.patient_bytes);
            sample.record = static_cast<std::int64_t>(number);
            sample.known = index.known[number];
            if (index.contents.task == Task::labels)
                sample.mask = r.truth;
            else if (sample.known != 0)
                sample.label = static_cast<std::int32_t>(r.truth);
            else if (split != Split::train)
                refuse(file, fmt::format("record {} is of no known class, but not of the training split", number));
        }
    }
}

/// Reads how the images were read, and whether there is a table of targets.
void read_json(Cursor& cursor, Index& index, const std::string& file) {
    index.contents.reading = old_reading();
    if (index.header.version < kVersion) return;
    try {
        const std::string text = cursor.text(cursor.read<std::uint32_t>());
        index.contents.reading = reading_from_json(text);
        index.has_targets = parse_json(text).value(kTargetsKey, false);
    } catch (const InputError& error) {
        refuse(file, error.what());
    } catch (const Json::exception& error) {
        refuse(file, fmt::format("its JSON is malformed: {}", error.what()));
    }
}

Index read_index(const std::string& file) {
    const std::vector<std::uint8_t> bytes = read_bytes(file, kMaxIndexBytes);
    Cursor cursor(bytes, file);
    Index index;
    index.header = read_header(cursor, bytes.size(), file);
    const IndexHeader& h = index.header;
    const std::size_t hashed = bytes.size() - sizeof(std::uint64_t);
    std::uint64_t stored = 0;
    std::memcpy(&stored, bytes.data() + hashed, sizeof(stored));
    if (const std::uint64_t found = XXH3_64bits(bytes.data(), hashed); found != stored)
        refuse(file, fmt::format("the index is damaged: its XXH3 is {:016x}, not {:016x}", found, stored));
    for (std::uint32_t i = 0; i < h.shards; ++i) index.shard_bytes.push_back(cursor.read<std::uint64_t>());
    read_records(cursor, index, file);
    DatasetContents& contents = index.contents;
    contents.task = h.task == 1 ? Task::labels : Task::classes;
    contents.channels = static_cast<int>(h.channels);
    read_json(cursor, index, file);
    contents.origins.fill("as packed");
    contents.label_names = read_labels(cursor, h.labels, file);
    read_samples(cursor, index, file);
    if (cursor.left() != sizeof(std::uint64_t)) refuse(file, "its texts are shorter than their place");
    return index;
}

std::unique_ptr<InputFile> open_shard(const std::string& file, std::uint32_t number, std::uint64_t bytes) {
    auto shard = std::make_unique<InputFile>(file);
    if (shard->size() != bytes) refuse(file, fmt::format("has {} bytes, the index says {}", shard->size(), bytes));
    ShardHeader header{};
    if (bytes >= sizeof(header)) shard->read(0, std::as_writable_bytes(std::span(&header, 1)));
    if (std::memcmp(header.magic, kShardMagic, kMagicBytes) != 0 || header.version != kShardVersion ||
        header.number != number)
        refuse(file, fmt::format("is not shard {} of a pack", number));
    return shard;
}

class PackDataset : public Dataset {
public:
    PackDataset(std::string directory, Index index)
        : Dataset(std::move(index.contents)), directory_(std::move(directory)), records_(std::move(index.records)) {
        for (std::uint32_t i = 0; i < index.shard_bytes.size(); ++i)
            shards_.push_back(open_shard(directory_ + "/" + shard_name(i), i, index.shard_bytes[i]));
    }

    void will_load(Split split, std::int64_t index) const override {
        const IndexRecord& r = record(samples(split)[static_cast<std::size_t>(index)]);
        shards_[r.shard]->will_read(r.offset, pixel_bytes(r, static_cast<std::uint64_t>(channels())));
    }

    std::vector<std::string> files() const override {
        std::vector<std::string> paths;
        for (std::uint32_t i = 0; i < shards_.size(); ++i) paths.push_back(directory_ + "/" + shard_name(i));
        return paths;
    }

protected:
    Image read(const Sample& sample, LeastSize) const override {
        const IndexRecord& r = record(sample);
        Image image(static_cast<int>(r.width), static_cast<int>(r.height), channels(),
                    r.bits <= 8 ? 8 : static_cast<int>(r.bits));
        shards_[r.shard]->read(r.offset, std::as_writable_bytes(std::span(image.pixels)));
        if (const std::uint64_t found = XXH3_64bits(image.pixels.data(), image.pixels.size()); found != r.xxh3)
            refuse(directory_ + "/" + shard_name(r.shard),
                   fmt::format("record {} ({}) is damaged: its XXH3 is {:016x}, not {:016x}", sample.record,
                               excerpt(sample.name), found, r.xxh3));
        const float* floats = image.row_f(0);
        if (image.bits == 32 &&
            !std::all_of(floats, floats + image.samples(), [](float v) { return v >= 0.0F && v <= 1.0F; }))
            refuse(directory_ + "/" + shard_name(r.shard),
                   fmt::format("record {} ({}) has samples that are not from 0 to 1", sample.record,
                               excerpt(sample.name)));
        return image;
    }

private:
    const IndexRecord& record(const Sample& sample) const { return records_[static_cast<std::size_t>(sample.record)]; }

    std::string directory_;
    std::vector<IndexRecord> records_;
    std::vector<std::unique_ptr<InputFile>> shards_;
};

}  // namespace

std::unique_ptr<Dataset> open_pack(const std::string& path, const DatasetOptions& options) {
    const std::string file = path + "/" + kIndexName;
    if (!is_there(file))
        throw InputError(
            fmt::format("[pack] {} has no {}: not a pack, or one that was not finished", path, kIndexName));
    Index index = read_index(file);
    const ImageReading &own = index.contents.reading, &asked = options;
    if (const std::string differs = reading_differences(own, asked); asked != ImageReading{} && !differs.empty())
        index.contents.remarks.push_back(
            {true,
             "options that say how images are read have no effect on a pack: its images were read with " + differs});
    if (index.has_targets) read_targets(path, index.contents);
    read_attributes(path, index.contents);
    TableReading view;
    view.view = options.view;
    if (static_cast<const TableReading&>(options) != view)
        index.contents.remarks.push_back({true, "options about tables mean nothing to a pack, but for --view"});
    keep_views(index.contents, options.view, "pack");
    return std::make_unique<PackDataset>(path, std::move(index));
}

}  // namespace keel
