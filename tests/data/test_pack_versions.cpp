// What the versions of a pack's index say, and that packs of the first are read for good.
#include <xxhash.h>

#include <cstring>

#include "data/formats/pack_format.h"
#include "data/pipeline/loader.h"
#include "data/pipeline/resample.h"
#include "data/sources/pack.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

void pack_of_version(const Dataset& source, const std::string& directory, int size) {
    write_pack(source, {.directory = directory, .split = {}, .size = size, .on_bad_image = {}, .on_progress = {}});
}

/// A source of one's own with images that any pack can hold but version 1 of the index could not say.
class OwnDataset : public Dataset {
public:
    OwnDataset(int channels, int bits, std::uint64_t known, const ImageReading& reading = old_reading())
        : Dataset(make(channels, known, reading)), bits_(bits) {}

protected:
    Image read(const Sample& sample, LeastSize) const override {
        Image image(5 + static_cast<int>(sample.record), 4, channels(), bits_);
        Random random(static_cast<std::uint64_t>(sample.record), Draw::bench);
        for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(random.below(256));
        return image;
    }

private:
    static DatasetContents make(int channels, std::uint64_t known, const ImageReading& reading) {
        DatasetContents contents;
        contents.reading = reading;
        contents.task = Task::labels;
        contents.label_names = {"a", "b", "c"};
        contents.channels = channels;
        for (std::int64_t i = 0; i < 5; ++i)
            contents.splits[static_cast<std::size_t>(i % 3)].push_back({.name = "n" + std::to_string(i),
                                                                        .file = {},
                                                                        .record = i,
                                                                        .mask = static_cast<std::uint64_t>(i) & known,
                                                                        .known = i == 0 ? kAllKnown : known,
                                                                        .patient = "p"});
        return contents;
    }
    int bits_;
};

std::uint32_t index_version(const std::string& directory) {
    std::uint32_t version = 0;
    std::memcpy(&version, read_text(directory + "/index.keelpack").data() + 8, sizeof(version));
    return version;
}

void check_equal(const Dataset& packed, const Dataset& source) {
    CHECK((packed.task() == source.task() && packed.channels() == source.channels()));
    CHECK(packed.reading() == source.reading());
    CHECK(packed.label_names() == source.label_names());
    for (const Split split : kSplits) {
        REQUIRE(packed.size(split) == source.size(split));
        for (std::int64_t i = 0; i < packed.size(split); ++i) {
            const Sample &a = packed.samples(split)[static_cast<std::size_t>(i)],
                         &b = source.samples(split)[static_cast<std::size_t>(i)];
            CHECK((a.name == b.name && a.patient == b.patient && a.mask == b.mask && a.label == b.label &&
                   a.known == b.known));
            const Image image = packed.load(split, i), original = source.load(split, i);
            CHECK((image.width == original.width && image.bits == original.bits && image.pixels == original.pixels));
        }
    }
}

/// A pack as it was written when there was version 1 alone, byte by byte as docs/data_formats.md has it: two images of
/// 2 x 1 in train, one of 1 x 3 in test, the labels `x` and `y`. Not to be changed: such packs lie on people's disks.
void write_pack_of_version_1(const std::string& directory) {
    using u32 = std::uint32_t;
    using u64 = std::uint64_t;
    std::string index = "KEELPACK", shard = "KEELSHRD";
    const auto append = [](std::string& bytes, auto value) {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    for (const u32 v : {1, 0}) append(shard, v);
    for (const u32 v : {1, 1, 1, 0, 2, 1}) append(index, v);
    for (const u64 v : {2, 0, 1, 21}) append(index, v);
    append(index, u64{16 + 7});
    const std::string pixels =
        "\x01\x80\xFF"
        "abcd";
    shard += pixels;
    const auto record = [&](u64 offset, u64 truth, u32 width, u32 height, u32 name, u32 patient) {
        append(index, 16 + offset);
        append(index, u64{XXH3_64bits(pixels.data() + offset, width * height)});
        append(index, truth);
        for (const u32 v : {u32{0}, width, height, name, patient, u32{0}}) append(index, v);
    };
    record(0, 0, 2, 1, 1, 2);
    record(2, 3, 2, 1, 2, 0);
    record(4, 2, 1, 3, 3, 3);
    for (const char* label : {"x", "y"}) {
        append(index, u32{1});
        index += label;
    }
    index +=
        "A"
        "p1"
        "BB"
        "CCC"
        "p22";
    append(index, u64{XXH3_64bits(index.data(), index.size())});
    write_text(directory + "/index.keelpack", index);
    write_text(directory + "/shard-00000.keelpack", shard);
}

}  // namespace

TEST_CASE("A pack keeps unknown labels, samples of 16 bits and any number of channels", "[pack]") {
    const TemporaryFolder scratch;
    int number = 0;
    const auto version = [&](const OwnDataset& source) {
        const std::string directory = scratch / std::to_string(number++);
        pack_of_version(source, directory, 0);
        const auto packed = open_dataset("pack:" + directory);
        check_equal(*packed, source);
        packed->will_load(Split::train, 0);
        return index_version(directory);
    };
    CHECK(version({1, 8, kAllKnown}) == 1);  // nothing that version 1 could not say
    CHECK(version({3, 8, kAllKnown}) == 1);
    CHECK(version({1, 8, 0b101}) == 2);
    CHECK(version({1, 16, kAllKnown}) == 2);
    CHECK(version({7, 8, kAllKnown}) == 2);
    CHECK(version({5, 16, 0}) == 2);
    ImageReading twelve;
    twelve.bit_depth = 12;
    for (const ImageReading& reading : {ImageReading{}, twelve}) CHECK(version({3, 16, 0b101, reading}) == 3);
    CHECK_THROWS_AS(pack_of_version(OwnDataset(65, 8, kAllKnown), scratch / "many", 0), UsageError);

    // Resized to floats, as the transforms do it, which version 3 alone has.
    const OwnDataset deep(1, 16, kAllKnown);
    pack_of_version(deep, scratch / "resized", 6);
    const auto packed = open_dataset("pack:" + (scratch / "resized"));
    const Image source = deep.load(Split::train, 1);
    const Box whole{0, 0, static_cast<double>(source.width), static_cast<double>(source.height)};
    CHECK(packed->load(Split::train, 1).pixels == image_of(resize_to_floats(source, whole, 6, 6)).pixels);
    CHECK(index_version(scratch / "resized") == 3);
    // An epoch from it has the unknown labels.
    const OwnDataset half(1, 8, 0b001);
    pack_of_version(half, scratch / "half", 0);
    const auto loaded = open_dataset("pack:" + (scratch / "half"));
    LoaderOptions options;
    options.transform.image_size = 4;
    Loader loader(*loaded, options);
    Batch batch;
    REQUIRE(loader.next(batch));  // samples 0, all known, and 3
    CHECK(batch.targets == std::vector<float>{0, 0, 0, 1, kUnknownTarget, kUnknownTarget});
}

TEST_CASE("A pack keeps that a class is not known, of training samples alone", "[pack]") {
    class Classes final : public Dataset {
    public:
        explicit Classes(DatasetContents contents) : Dataset(std::move(contents)) {}

    protected:
        Image read(const Sample&, LeastSize) const override { return {5, 4, 1}; }
    };
    const TemporaryFolder scratch;
    DatasetContents contents;
    contents.label_names = {"a", "b"};
    contents.reading = old_reading();
    for (const std::int32_t label : {1, kUnknownClass, 0}) {
        contents.splits[0].emplace_back().name = "n" + std::to_string(label);
        contents.splits[0].back().label = label;
    }
    const Classes source(contents);
    pack_of_version(source, scratch / "some", 0);
    CHECK(index_version(scratch / "some") == 2);
    check_equal(*open_dataset("pack:" + (scratch / "some")), source);

    // An index that says of the training samples that they are the test split's.
    std::string index = read_text(scratch / "some/index.keelpack");
    pack::IndexHeader header;
    std::memcpy(&header, index.data(), sizeof(header));
    std::swap(header.samples[0], header.samples[2]);
    std::memcpy(index.data(), &header, sizeof(header));
    const std::size_t hashed = index.size() - sizeof(std::uint64_t);
    const std::uint64_t hash = XXH3_64bits(index.data(), hashed);
    std::memcpy(index.data() + hashed, &hash, sizeof(hash));
    write_text(scratch / "some/index.keelpack", index);
    CHECK_THROWS_AS(open_dataset("pack:" + (scratch / "some")), InputError);
}

TEST_CASE("Floats of a pack are from 0 to 1, and what says how images were read is well-formed", "[pack]") {
    const TemporaryFolder scratch;
    pack_of_version(OwnDataset(1, 16, kAllKnown), scratch / "pack", 6);
    const std::string index = read_text(scratch / "pack/index.keelpack");
    const auto refused = [&](const std::string& from, const std::string& to) {
        std::string lying = index;
        const std::size_t at = lying.find(from);
        REQUIRE((at != std::string::npos && from.size() == to.size()));
        lying.replace(at, to.size(), to);
        const std::uint64_t hash = XXH3_64bits(lying.data(), lying.size() - 8);
        std::memcpy(lying.data() + lying.size() - 8, &hash, 8);
        write_text(scratch / "pack/index.keelpack", lying);
        CHECK_THROWS_AS(open_dataset("pack:" + (scratch / "pack")), InputError);
    };
    refused("\"bit_depth\":0", "\"bit_depth\":x");
    refused("\"page\":0,", "\"page\":-1");
    std::string shard = read_text(scratch / "pack/shard-00000.keelpack");
    const float two = 2;
    std::memcpy(shard.data() + 16, &two, 4);
    const std::uint64_t pixels = XXH3_64bits(shard.data() + 16, 144);
    std::string fitting = index;
    std::memcpy(fitting.data() + 64 + 8 + 8, &pixels, 8);
    const std::uint64_t hash = XXH3_64bits(fitting.data(), fitting.size() - 8);
    std::memcpy(fitting.data() + fitting.size() - 8, &hash, 8);
    write_text(scratch / "pack/index.keelpack", fitting);
    write_text(scratch / "pack/shard-00000.keelpack", shard);
    const auto packed = open_dataset("pack:" + (scratch / "pack"));
    CHECK_THROWS_WITH(packed->load(Split::train, 0), contains("has samples that are not from 0 to 1"));
    CHECK_NOTHROW(packed->load(Split::train, 1));
}

TEST_CASE("Bits past the labels do not make another pack", "[pack]") {
    const TemporaryFolder scratch;
    pack_of_version(OwnDataset(1, 8, kAllKnown), scratch / "all", 0);
    pack_of_version(OwnDataset(1, 8, 0b111), scratch / "three", 0);
    for (const char* file : {"/index.keelpack", "/shard-00000.keelpack"})
        CHECK(read_text(scratch / "all" + file) == read_text(scratch / "three" + file));
}

TEST_CASE("Packs of version 1 are read", "[pack]") {
    const TemporaryFolder scratch;
    write_pack_of_version_1(scratch.path());
    const auto packed = open_dataset("pack:" + scratch.path());
    CHECK((packed->task() == Task::labels && packed->channels() == 1));
    CHECK(packed->label_names() == std::vector<std::string>{"x", "y"});
    REQUIRE((packed->size(Split::train) == 2 && packed->size(Split::val) == 0 && packed->size(Split::test) == 1));
    const Sample &a = packed->samples(Split::train)[0], &b = packed->samples(Split::train)[1],
                 &c = packed->samples(Split::test)[0];
    CHECK((a.name == "A" && a.patient == "p1" && a.mask == 0 && a.known == kAllKnown));
    CHECK((b.name == "BB" && b.patient.empty() && b.mask == 3 && b.known == kAllKnown));
    CHECK((c.name == "CCC" && c.patient == "p22" && c.mask == 2));
    CHECK(packed->load(Split::train, 0).pixels == Bytes{0x01, 0x80});
    CHECK(packed->load(Split::train, 1).pixels == Bytes{0xFF, 'a'});
    const Image tall = packed->load(Split::test, 0);
    CHECK((tall.width == 1 && tall.height == 3 && tall.bits == 8 && tall.pixels == Bytes{'b', 'c', 'd'}));
}
