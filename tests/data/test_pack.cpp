#include "data/sources/pack.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "data/formats/decode.h"
#include "data/formats/pack_format.h"
#include "data/inspect/info.h"
#include "data/pipeline/loader.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

namespace fs = std::filesystem;

/// A set in NIH's layout with images of width x height, each another.
void write_noise_set(const std::string& root, int patients, int width, int height) {
    write_nih(root, patients);
    std::uint64_t seed = 1;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(root + "/images")) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const fs::path& file : files) write_bytes(file.string(), encode_png(noise_image(width, height, 1, ++seed)));
}

PackSummary pack_set(const Dataset& source, const std::string& directory, int size, int workers = 2) {
    return write_pack(
        source,
        {.directory = directory, .split = {}, .size = size, .workers = workers, .on_bad_image = {}, .on_progress = {}});
}

LoaderOptions training(int image_size, float scale_min) {
    LoaderOptions o;
    o.batch_size = 7;
    o.shuffle = true;
    o.seed = 5;
    o.epoch = 3;
    o.transform.image_size = image_size;
    o.transform.augment = true;
    o.transform.rotate_degrees = 7;
    o.transform.shift = 0.05F;
    o.transform.scale_min = scale_min;
    o.transform.brightness = o.transform.contrast = 0.1F;
    return o;
}

/// Everything that an epoch of training would see, in order.
std::string epoch(const Dataset& dataset, const LoaderOptions& options) {
    std::string all;
    Loader loader(dataset, options);
    for (Batch batch; loader.next(batch);) {
        all.append(reinterpret_cast<const char*>(batch.images.data()), batch.images.size() * sizeof(float));
        all.append(reinterpret_cast<const char*>(batch.targets.data()), batch.targets.size() * sizeof(float));
        for (const std::string& name : batch.names) all += name;
        for (const std::int32_t label : batch.labels) all += std::to_string(label) + " ";
    }
    return all;
}

std::string refusal(const std::function<void()>& body) {
    try {
        body();
    } catch (const InputError& error) {
        return error.what();
    }
    return "not refused";
}

std::map<std::string, std::string> contents(const std::string& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(directory))
        files[entry.path().filename().string()] = read_text(entry.path());
    return files;
}

/// The index with the checksum that it should have.
std::string sealed(std::string index) {
    const std::size_t hashed = index.size() - 8;
    const std::uint64_t hash = XXH3_64bits(index.data(), hashed);
    std::memcpy(index.data() + hashed, &hash, 8);
    return index;
}

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
    REQUIRE(at + sizeof(T) <= bytes.size());
    std::memcpy(bytes.data() + at, &value, sizeof(T));
}

}  // namespace

TEST_CASE("A pack keeps splits, order, names, patients, labels and images", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 12, 20, 14);
    const auto source = open_dataset("nih:" + (scratch / "set"));
    for (const int size : {0, 16}) {
        const std::string directory = scratch / ("pack" + std::to_string(size));
        const PackSummary summary = pack_set(*source, directory, size);
        CHECK(summary.bad_images == 0);
        CHECK(summary.shards == 1);
        const auto packed = open_dataset("pack:" + directory);
        CHECK(packed->task() == source->task());
        CHECK(packed->channels() == 1);
        CHECK(packed->label_names() == source->label_names());
        for (const Split split : kSplits) {
            REQUIRE(packed->size(split) == source->size(split));
            CHECK(packed->size(split) == summary.samples[static_cast<std::size_t>(split)]);
            for (std::int64_t i = 0; i < packed->size(split); ++i) {
                const Sample &a = packed->samples(split)[static_cast<std::size_t>(i)],
                             &b = source->samples(split)[static_cast<std::size_t>(i)];
                CHECK((a.name == b.name && a.patient == b.patient && a.mask == b.mask && a.label == b.label));
                const Image image = packed->load(split, i), original = source->load(split, i);
                CHECK(image.pixels == (size == 0 ? original : resize(original, size, size)).pixels);
                CHECK(image.width == (size == 0 ? 20 : 16));
            }
        }
    }
}

TEST_CASE("A pack of classes, one split of it alone", "[pack]") {
    const TemporaryFolder scratch;
    for (int i = 0; i < 20; ++i) {
        const std::string file =
            scratch / ("set/" + std::string(i % 2 == 0 ? "cat" : "dog, big") + "/" + std::to_string(i) + ".png");
        write_bytes(file, encode_png(noise_image(9, 9, 3, static_cast<std::uint64_t>(i))));
    }
    const auto source = open_dataset("folder:" + (scratch / "set"));
    const PackSummary summary = write_pack(
        *source,
        {.directory = scratch / "pack", .split = Split::test, .size = 9, .on_bad_image = {}, .on_progress = {}});
    CHECK(summary.samples == std::array<std::int64_t, 3>{0, 0, 4});
    const auto packed = open_dataset("pack:" + (scratch / "pack"));
    CHECK(packed->task() == Task::classes);
    CHECK(packed->channels() == 3);
    CHECK(packed->label_names() == std::vector<std::string>{"cat", "dog, big"});
    REQUIRE(packed->size(Split::test) == 4);
    CHECK(packed->size(Split::train) == 0);
    for (std::int64_t i = 0; i < 4; ++i) {
        const auto at = static_cast<std::size_t>(i);
        CHECK(packed->samples(Split::test)[at].label == source->samples(Split::test)[at].label);
        CHECK(packed->load(Split::test, i).pixels == source->load(Split::test, i).pixels);
    }
}

TEST_CASE("An epoch from a pack is, to the bit, one from PNG files of the same images", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 12, 70, 50);
    const auto source = open_dataset("nih:" + (scratch / "set"));
    pack_set(*source, scratch / "pack", 32);
    const auto packed = open_dataset("pack:" + (scratch / "pack"));
    fs::copy(scratch / "set", scratch / "small", fs::copy_options::recursive);
    for (const auto& entry : fs::directory_iterator(scratch / "small/images"))
        write_bytes(entry.path().string(), encode_png(resize(load_image(entry.path().string(), 1), 32, 32)));
    const auto files = open_dataset("nih:" + (scratch / "small"));
    for (const int image_size : {24, 32, 40}) {
        const std::string from_pack = epoch(*packed, training(image_size, 0.5F));
        CHECK(from_pack.size() > 10000);
        CHECK(from_pack == epoch(*files, training(image_size, 0.5F)));
    }
    // Without crops, at the pack's own size, it is one from the source as well.
    CHECK(epoch(*packed, training(32, 1)) == epoch(*source, training(32, 1)));
    CHECK(epoch(*packed, training(32, 0.5F)) != epoch(*source, training(32, 0.5F)));
}

TEST_CASE("A pack of JPEG files takes what training would take of them", "[pack]") {
    const TemporaryFolder scratch;
    for (int i = 0; i < 12; ++i)  // sides that the decoder divides by 4 and by 2
        write_bytes(scratch / ("set/a/" + std::to_string(i) + ".jpg"),
                    encode_jpeg(noise_image(160, 128 + 2 * (i % 3), 3, static_cast<std::uint64_t>(i))));
    const auto source = open_dataset("folder:" + (scratch / "set"));
    pack_set(*source, scratch / "pack", 16);
    LoaderOptions options = training(16, 1);
    options.transform.channels = 3;
    CHECK(epoch(*open_dataset("pack:" + (scratch / "pack")), options) == epoch(*source, options));
}

TEST_CASE("A pack's bytes do not depend on the threads, shards keep their limit", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 20, 300, 300);
    const auto source = open_dataset("nih:" + (scratch / "set"));
    for (const int workers : {1, 5})
        write_pack(*source, {.directory = scratch / std::to_string(workers),
                             .split = {},
                             .size = 256,
                             .shard_bytes = 1 << 20,
                             .workers = workers,
                             .on_bad_image = {},
                             .on_progress = {}});
    const auto files = contents(scratch / "1");
    CHECK(files == contents(scratch / "5"));
    REQUIRE(files.size() == 5);  // 15 images of 65,536 bytes a shard, the index, the attributes
    std::size_t pixels = 0;
    for (const auto& [name, bytes] : files) {
        CHECK(bytes.size() <= 1 << 20);
        if (name.starts_with("shard-")) pixels += bytes.size() - sizeof(pack::ShardHeader);
    }
    CHECK(pixels == 40 * 65536);
    const auto packed = open_dataset("pack:" + (scratch / "1"));
    CHECK(packed->files() == std::vector<std::string>{scratch / "1/shard-00000.keelpack",
                                                      scratch / "1/shard-00001.keelpack",
                                                      scratch / "1/shard-00002.keelpack"});
    packed->will_load(Split::test, packed->size(Split::test) - 1);
}

TEST_CASE("Bad images are left out of a pack up to a limit", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 12, 8, 8);
    write_text(scratch / "set/images/00000001_000.png", "no image");
    const auto source = open_dataset("nih:" + (scratch / "set"));
    std::vector<std::string> bad;
    PackOptions options{
        .directory = scratch / "pack", .split = {}, .size = 8, .max_bad = 0.01, .on_bad_image = {}, .on_progress = {}};
    options.on_bad_image = [&](const BadImage& image) { bad.push_back(image.name); };
    const PackSummary summary = write_pack(*source, options);
    CHECK(bad == std::vector<std::string>{"00000001_000.png"});
    CHECK(summary.bad_images == 1);
    std::int64_t samples = 0;
    const auto packed = open_dataset("pack:" + (scratch / "pack"));
    for (const Split split : kSplits) {
        samples += packed->size(split);
        for (std::int64_t i = 0; i < packed->size(split); ++i) CHECK(packed->load(split, i).width == 8);
    }
    CHECK(samples == 23);
    options.max_bad = 0;
    options.directory = scratch / "none";
    CHECK_THAT(refusal([&] { write_pack(*source, options); }), contains("images are bad"));
    CHECK_FALSE(fs::exists(scratch / "none"));
    CHECK_FALSE(fs::exists(scratch / "none.partial"));
}

TEST_CASE("A pack that is interrupted leaves nothing, what it would replace stays", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 12, 8, 8);
    const auto source = open_dataset("nih:" + (scratch / "set"));
    PackOptions options{.directory = scratch / "pack/", .split = {}, .size = 8, .on_bad_image = {}, .on_progress = {}};
    const auto stop = [](std::int64_t done, std::int64_t) {
        if (done == 10) throw std::runtime_error("stop");
    };
    options.on_progress = stop;
    CHECK_THROWS_AS(write_pack(*source, options), std::runtime_error);
    CHECK_FALSE(fs::exists(scratch / "pack"));
    CHECK_FALSE(fs::exists(scratch / "pack.partial"));

    options.on_progress = {};
    write_pack(*source, options);
    const auto first = contents(scratch / "pack");
    CHECK_THROWS_AS(write_pack(*source, options), UsageError);
    options.force = true;
    options.size = 16;
    options.on_progress = stop;
    CHECK_THROWS_AS(write_pack(*source, options), std::runtime_error);
    CHECK(contents(scratch / "pack") == first);
    options.on_progress = {};
    write_pack(*source, options);
    CHECK(open_dataset("pack:" + (scratch / "pack"))->load(Split::train, 0).width == 16);
    CHECK_FALSE(fs::exists(scratch / "pack.replaced"));

    options.directory = scratch / "set";  // no pack
    CHECK_THROWS_AS(write_pack(*source, options), UsageError);
    CHECK(fs::exists(scratch / "set/Data_Entry_2017.csv"));
    options.directory = scratch / "set/Data_Entry_2017.csv";
    CHECK_THROWS_AS(write_pack(*source, options), UsageError);
    options.directory = "/dev/null/pack";
    CHECK_THROWS_AS(write_pack(*source, options), IoError);
    options.directory = "";
    CHECK_THROWS_AS(write_pack(*source, options), UsageError);
}

TEST_CASE("Damaged packs are refused by file and record", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 12, 8, 8);
    DatasetOptions of_version_1;
    static_cast<ImageReading&>(of_version_1) = old_reading();
    pack_set(*open_dataset("nih:" + (scratch / "set"), of_version_1), scratch / "pack", 8);
    const std::string directory = scratch / "pack", index_file = directory + "/index.keelpack",
                      shard_file = directory + "/shard-00000.keelpack";
    const std::string index = read_text(index_file), shard = read_text(shard_file);
    const auto message = [&] { return refusal([&] { open_dataset("pack:" + directory)->load(Split::train, 2); }); };
    REQUIRE(message() == "not refused");

    SECTION("shards") {
        std::string damaged = shard;
        damaged[sizeof(pack::ShardHeader) + 2 * 64 + 5] ^= 1;  // of the third image
        write_text(shard_file, damaged);
        CHECK_THAT(message(),
                   contains("shard-00000.keelpack: record 2 (") && contains(".png) is damaged: its XXH3 is "));
        const auto packed = open_dataset("pack:" + directory);
        CHECK(packed->load(Split::train, 1).width == 8);  // the others are good
        write_text(shard_file, shard.substr(0, shard.size() - 1));
        CHECK_THAT(message(), contains("shard-00000.keelpack: has 1551 bytes, the index says 1552"));
        write_text(shard_file, shard + "x");
        CHECK_THAT(message(), contains("has 1553 bytes"));
        damaged = shard;
        damaged[0] = 'k';
        write_text(shard_file, damaged);
        CHECK_THAT(message(), contains("shard-00000.keelpack: is not shard 0 of a pack"));
        damaged = shard;
        damaged[12] = 1;
        write_text(shard_file, damaged);
        CHECK_THAT(message(), contains("is not shard 0 of a pack"));
        fs::remove(shard_file);
        CHECK_THROWS_AS(open_dataset("pack:" + directory), IoError);
        fs::create_directory(shard_file);
        CHECK_THAT(message(), contains("wanted a regular file"));
    }
    SECTION("a shard cut off while it is open") {
        const auto packed = open_dataset("pack:" + directory);
        fs::resize_file(shard_file, 100);
        CHECK_THAT(refusal([&] { packed->load(Split::test, 0); }), contains("shard-00000.keelpack ends at byte"));
    }
    SECTION("index") {
        for (const std::size_t size : {0U, 1U, 63U, 71U}) {
            write_text(index_file, index.substr(0, size));
            CHECK_THAT(message(), contains("index.keelpack: the file is too short for an index"));
        }
        write_text(index_file, index.substr(0, index.size() - 1));
        CHECK_THAT(message(), contains("its header claims other contents than its"));
        for (const std::size_t at : {std::size_t{90}, index.size() - 40, index.size() - 3}) {
            std::string damaged = index;
            damaged[at] = static_cast<char>(damaged[at] ^ 4);
            write_text(index_file, damaged);
            CHECK_THAT(message(), contains("index.keelpack: the index is damaged: its XXH3 is "));
        }
        fs::remove(index_file);
        CHECK_THAT(message(), contains("has no index.keelpack: not a pack, or one that was not finished"));
    }
    SECTION("an index that lies, with the right checksum") {
        constexpr std::size_t kRecord = 64 + 8, kSecond = kRecord + 48;  // one shard
        const auto lie = [&](auto value, std::size_t at) {
            std::string lying = index;
            put(lying, at, value);
            write_text(index_file, sealed(std::move(lying)));
            return message();
        };
        using u32 = std::uint32_t;
        using u64 = std::uint64_t;
        CHECK(lie(u32{1}, 8) == "not refused");
        CHECK_THAT(lie('k', 0), contains("is no index of a pack"));
        CHECK_THAT(lie(u32{4}, 8), contains("the pack is of version 4, this program reads 1 to 3"));
        CHECK_THAT(lie(u32{0}, 8), contains("the pack is of version 0, this program reads 1 to 3"));
        CHECK_THAT(lie(u32{2}, 8), contains("its header claims other contents"));  // its records are longer
        CHECK_THAT(lie(u32{2}, 12), contains("out of range"));
        CHECK_THAT(lie(u32{2}, 16), contains("out of range"));
        CHECK_THAT(lie(u32{1 << 20}, 20), contains("out of range"));
        CHECK_THAT(lie(u32{65}, 24), contains("out of range"));
        CHECK_THAT(lie(u32{0}, 24), contains("out of range"));
        for (const u64 count : {u64{25}, u64{1} << 40, ~u64{0}, ~u64{0} / 48 + 1}) {
            for (const std::size_t at : {32U, 40U, 48U, 56U})
                CHECK_THAT(lie(count, at), contains("its header claims other contents"));
        }
        CHECK_THAT(lie(~u32{0}, 28), contains("its header claims other contents"));
        CHECK_THAT(lie(~u64{0}, 64), contains("the index says 18446744073709551615"));  // a shard's size
        CHECK_THAT(lie(u64{15}, 64),
                   contains("record 0 claims 64 bytes at byte 16 of shard-00000.keelpack, which has 15"));
        CHECK_THAT(lie(u64{15}, kSecond), contains("record 1 claims 64 bytes at byte 15"));
        CHECK_THAT(lie(~u64{0} - 10, kSecond), contains("record 1 claims"));
        CHECK_THAT(lie(u64{1552 - 63}, kSecond), contains("record 1 claims 64 bytes at byte 1489"));
        CHECK_THAT(lie(u64{1} << 14, kSecond + 16), contains("record 1 has a label that does not exist"));
        CHECK_THAT(lie(u32{1}, kSecond + 24), contains("record 1 is in shard 1 of 1"));
        CHECK_THAT(lie(u32{9}, kSecond + 28), contains("record 1 claims 9 x 8 pixels"));
        CHECK_THAT(lie(~u32{0}, kSecond + 32), contains("record 1 claims 8 x 4294967295 pixels"));
        CHECK_THAT(lie(u32{0}, kSecond + 32), contains("record 1 claims 8 x 0 pixels"));
        CHECK_THAT(lie(~u32{0}, kSecond + 36), contains("its texts end too early"));
        CHECK_THAT(lie(~u32{0}, kSecond + 40), contains("its texts end too early"));
        CHECK_THAT(lie(u32{0}, kSecond + 36), contains("record 1 has no name"));
        CHECK_THAT(lie(u32{15}, kSecond + 36), contains("its texts are shorter than their place"));
        CHECK_THAT(lie(u32{1}, kSecond + 44), contains("more than this program reads"));
        constexpr std::size_t kTexts = kRecord + 24 * 48;
        CHECK_THAT(lie(~u32{0}, kTexts), contains("its texts end too early"));
        CHECK_THAT(lie('\x1B', kTexts + 4), contains("label 0 is '?telectasis'"));
    }
}

TEST_CASE("Pack options outside their range are refused", "[pack]") {
    const TemporaryFolder scratch;
    write_noise_set(scratch / "set", 4, 8, 8);
    const auto source = open_dataset("nih:" + (scratch / "set"));
    const auto refused = [&](auto change) {
        PackOptions options{.directory = scratch / "pack", .split = {}, .on_bad_image = {}, .on_progress = {}};
        change(options);
        CHECK_THROWS_AS(write_pack(*source, options), UsageError);
        CHECK_FALSE(fs::exists(scratch / "pack"));
    };
    refused([](PackOptions& o) { o.size = -1; });
    refused([](PackOptions& o) { o.size = kMaxImageSide + 1; });
    refused([](PackOptions& o) { o.shard_bytes = 0; });
    refused([](PackOptions& o) { o.workers = 0; });
    refused([](PackOptions& o) { o.max_bad = NAN; });
}
