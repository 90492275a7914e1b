// The zip and npy readers and the source on top of them, on good archives and on hostile ones.
#include <zlib.h>

#include <algorithm>
#include <optional>

#include "data/dataset.h"
#include "data/formats/npy.h"
#include "data/formats/zip.h"
#include "data/inspect/info.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

void put(Bytes& bytes, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i < 8 ? value >> (8 * i) : 0));
}

void patch(Bytes& bytes, std::size_t at, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i)
        bytes[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
}

Bytes npy(const std::string& descr, const std::string& shape, const Bytes& data, int version = 1,
          const char* order = "False") {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }\n";
    Bytes bytes{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(version), 0};
    put(bytes, header.size(), version == 1 ? 2 : 4);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

Bytes deflate_raw(const Bytes& data) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    Bytes packed(deflateBound(&stream, static_cast<uLong>(data.size())));
    stream.next_in = const_cast<Bytef*>(data.data());
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = packed.data();
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

struct Member {
    std::string name;
    Bytes data;
};

/// As numpy writes it: the local header carries a zip64 field of 20 bytes that the central one lacks.
Bytes zip(const std::vector<Member>& members, bool deflated) {
    Bytes bytes, central;
    for (const Member& m : members) {
        const Bytes packed = deflated ? deflate_raw(m.data) : m.data;
        const auto offset = bytes.size();
        const auto crc = crc32(0, m.data.data(), static_cast<uInt>(m.data.size()));
        Bytes common;
        put(common, 0, 2);
        put(common, deflated ? 8 : 0, 2);
        put(common, 0, 4);
        put(common, crc, 4);
        put(common, packed.size(), 4);
        put(common, m.data.size(), 4);
        put(common, m.name.size(), 2);
        put(bytes, 0x04034b50, 4);
        put(bytes, 45, 2);
        bytes.insert(bytes.end(), common.begin(), common.end());
        put(bytes, 20, 2);
        bytes.insert(bytes.end(), m.name.begin(), m.name.end());
        bytes.resize(bytes.size() + 20);
        bytes.insert(bytes.end(), packed.begin(), packed.end());
        put(central, 0x02014b50, 4);
        put(central, 45, 2);
        put(central, 45, 2);
        central.insert(central.end(), common.begin(), common.end());
        put(central, 0, 12);
        put(central, offset, 4);
        central.insert(central.end(), m.name.begin(), m.name.end());
    }
    const auto start = bytes.size();
    bytes.insert(bytes.end(), central.begin(), central.end());
    put(bytes, 0x06054b50, 4);
    put(bytes, 0, 4);
    put(bytes, members.size(), 2);
    put(bytes, members.size(), 2);
    put(bytes, central.size(), 4);
    put(bytes, start, 4);
    put(bytes, 0, 2);
    return bytes;
}

/// The same as a zip64 archive, as one of more than 4 GiB is: every size and offset stands in the fields of 64 bits.
/// `directory` becomes the size of the directory that its record claims, where given.
Bytes zip64(const std::vector<Member>& members, std::optional<std::uint64_t> directory = std::nullopt,
            int field_bytes = 24) {
    Bytes bytes, central;
    for (const Member& m : members) {
        const auto offset = bytes.size();
        const auto crc = crc32(0, m.data.data(), static_cast<uInt>(m.data.size()));
        Bytes common;
        put(common, 0, 8);  // flags, stored, time
        put(common, crc, 4);
        put(common, 0xFFFFFFFF, 4);
        put(common, 0xFFFFFFFF, 4);
        put(common, m.name.size(), 2);
        put(bytes, 0x04034b50, 4);
        put(bytes, 45, 2);
        bytes.insert(bytes.end(), common.begin(), common.end());
        put(bytes, 20, 2);
        bytes.insert(bytes.end(), m.name.begin(), m.name.end());
        put(bytes, 1, 2);
        put(bytes, 16, 2);
        put(bytes, m.data.size(), 8);
        put(bytes, m.data.size(), 8);
        bytes.insert(bytes.end(), m.data.begin(), m.data.end());
        put(central, 0x02014b50, 4);
        put(central, 45, 2);
        put(central, 45, 2);
        central.insert(central.end(), common.begin(), common.end());
        put(central, static_cast<std::uint64_t>(field_bytes) + 10, 2);
        put(central, 0, 10);
        put(central, 0xFFFFFFFF, 4);
        central.insert(central.end(), m.name.begin(), m.name.end());
        put(central, 0xCAFE, 2);  // a field of another kind before it
        put(central, 2, 2);
        put(central, 7, 2);
        put(central, 1, 2);
        put(central, static_cast<std::uint64_t>(field_bytes), 2);
        Bytes field;
        put(field, m.data.size(), 8);
        put(field, m.data.size(), 8);
        put(field, offset, 8);
        central.insert(central.end(), field.begin(), field.begin() + field_bytes);
    }
    const auto start = bytes.size();
    bytes.insert(bytes.end(), central.begin(), central.end());
    const auto record = bytes.size();
    put(bytes, 0x06064b50, 4);
    put(bytes, 44, 8);
    put(bytes, 45, 2);
    put(bytes, 45, 2);
    put(bytes, 0, 8);
    put(bytes, members.size(), 8);
    put(bytes, members.size(), 8);
    put(bytes, directory.value_or(central.size()), 8);
    put(bytes, start, 8);
    put(bytes, 0x07064b50, 4);
    put(bytes, 0, 4);
    put(bytes, record, 8);
    put(bytes, 1, 4);
    put(bytes, 0x06054b50, 4);
    put(bytes, 0, 4);
    put(bytes, 0xFFFF, 2);
    put(bytes, 0xFFFF, 2);
    put(bytes, 0xFFFFFFFF, 4);
    put(bytes, 0xFFFFFFFF, 4);
    put(bytes, 0, 2);
    return bytes;
}

/// Splits of 3, 2 and 1 images of 4x5.
std::vector<Member> medmnist_members(bool rgb, int labels) {
    std::vector<Member> members;
    std::uint64_t seed = 0;
    for (auto [split, n] : {std::pair{"train", 3}, {"val", 2}, {"test", 1}}) {
        const std::string count = std::to_string(n);
        members.push_back({std::string(split) + "_images.npy", npy("|u1", count + ", 4, 5" + (rgb ? ", 3" : ""),
                                                                   noise_image(5, 4 * n, rgb ? 3 : 1, ++seed).pixels)});
        Bytes values(static_cast<std::size_t>(n * labels));
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<std::uint8_t>(i % (labels == 1 ? 3 : 2));
        members.push_back(
            {std::string(split) + "_labels.npy", npy("|u1", count + ", " + std::to_string(labels), values)});
    }
    return members;
}

/// Reads everything that is in an archive; what a hostile one must turn into an InputError.
std::vector<Member> members_of(const Bytes& bytes) {
    static const TemporaryFolder scratch;
    write_bytes(scratch / "x.zip", bytes);
    const ZipArchive archive(scratch / "x.zip");
    std::vector<Member> members;
    for (const ZipEntry& entry : archive.entries()) members.push_back({entry.name, archive.extract(entry)});
    return members;
}

}  // namespace

TEST_CASE("Zip members come back, stored and deflated") {
    const std::vector<Member> members{
        {"a", {1, 2, 3}}, {"empty", {}}, {"zeros", Bytes(100000)}, {"noise", noise_image(50, 50, 3, 1).pixels}};
    for (bool deflated : {false, true}) {
        const std::vector<Member> found = members_of(zip(members, deflated));
        REQUIRE(found.size() == members.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            CHECK(found[i].name == members[i].name);
            CHECK(found[i].data == members[i].data);
        }
    }
}

TEST_CASE("Every truncation of an archive is an error") {
    const Bytes archive = zip({{"a", noise_image(9, 9, 1, 1).pixels}, {"b", {7}}}, true);
    for (std::size_t keep = 0; keep < archive.size(); ++keep) {
        CHECK_THROWS_AS(members_of(Bytes(archive.begin(), archive.begin() + static_cast<std::ptrdiff_t>(keep))),
                        InputError);
    }
}

TEST_CASE("zip64 archives are read, and refused where they lie") {
    const std::vector<Member> members{{"a", noise_image(9, 9, 1, 1).pixels}, {"b", {7}}, {"empty", {}}};
    const Bytes good = zip64(members);
    const std::vector<Member> found = members_of(good);
    REQUIRE(found.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK((found[i].name == members[i].name && found[i].data == members[i].data));
    CHECK_THROWS_AS(members_of(zip64(members, 1)), InputError);
    CHECK_THROWS_AS(members_of(zip64(members, ~std::uint64_t{0})), InputError);
    CHECK_THROWS_AS(members_of(zip64(members, std::nullopt, 16)), InputError);
    for (std::size_t keep = 0; keep < good.size(); ++keep)
        CHECK_THROWS_AS(members_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(keep))), InputError);
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes archive = good;
        archive[at] ^= 0xFF;
        try {
            for (const Member& member : members_of(archive))
                CHECK(std::ranges::any_of(members, [&](const Member& m) { return m.data == member.data; }));
        } catch (const InputError&) {
            continue;
        }
    }
}

TEST_CASE("A member larger than a piece of the file comes back") {
    Bytes large(3'500'000);
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::uint8_t>(i * i >> 7);
    for (const bool deflated : {false, true}) CHECK(members_of(zip({{"large", large}}, deflated))[0].data == large);
}

TEST_CASE("Lying archives are refused") {
    const Bytes data = noise_image(9, 9, 1, 1).pixels;
    for (bool deflated : {false, true}) {
        const Bytes good = zip({{"a", data}}, deflated);
        REQUIRE_NOTHROW(members_of(good));
        const std::size_t central = good.size() - 22 - 47, end = good.size() - 22;
        const auto refused = [&](std::size_t at, std::uint64_t value, int count) {
            Bytes archive = good;
            patch(archive, at, value, count);
            INFO("field at " << at << " becomes " << value);
            CHECK_THROWS_AS(members_of(archive), InputError);
        };
        refused(central + 8, 1, 2);            // encrypted
        refused(central + 10, 12, 2);          // bzip2
        refused(central + 16, 0, 4);           // CRC
        refused(central + 20, 0x7FFFFFFF, 4);  // compressed size
        refused(central + 20, 0xFFFFFFFF, 4);  // zip64
        refused(central + 24, 80, 4);          // size, too small
        refused(central + 24, 82, 4);          // size, too large
        refused(central + 24, 0xFFFFFFF0, 4);  // size that would be 4 GiB of memory
        refused(central + 28, 0xFFFF, 2);      // length of the name
        refused(central + 42, 0xFFFFFF00, 4);  // local header outside
        refused(central + 42, 1, 4);           // local header elsewhere
        refused(26, 0xFFFF, 2);                // length of the local name
        refused(end + 10, 2, 2);               // members
        refused(end + 12, 0x7FFFFFFF, 4);      // size of the directory
        refused(end + 16, 0x7FFFFFFF, 4);      // its place
        refused(end + 20, 1, 2);               // length of the comment
    }
}

TEST_CASE("A damaged byte anywhere never crashes, and never changes a member silently") {
    const Bytes data = noise_image(20, 20, 1, 2).pixels, good = zip({{"a", data}}, true);
    Random random(1, Draw::bench);
    int same = 0, refused = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes archive = good;
        archive[at] ^= static_cast<std::uint8_t>(1 + random.below(255));
        try {
            for (const Member& member : members_of(archive)) same += member.data == data;
        } catch (const InputError&) {
            ++refused;
        }
    }
    CHECK(static_cast<std::size_t>(same + refused) == good.size());
}

TEST_CASE("npy headers of all versions and integer types") {
    for (int version : {1, 2, 3}) {
        const NpyArray a = parse_npy(npy("|u1", "2, 3", {1, 2, 3, 4, 5, 250}, version), "x");
        CHECK(a.shape == std::vector<std::int64_t>{2, 3});
        CHECK(a.integer(5) == 250);
    }
    CHECK(parse_npy(npy("|i1", "1,", {0xFF}), "x").integer(0) == -1);
    CHECK(parse_npy(npy("|b1", "1,", {1}), "x").integer(0) == 1);
    CHECK(parse_npy(npy("<i2", "1,", {0x00, 0x80}), "x").integer(0) == -32768);
    CHECK(parse_npy(npy("<u4", "1,", {0xFF, 0xFF, 0xFF, 0xFF}), "x").integer(0) == 4294967295);
    CHECK(parse_npy(npy("<i8", "1,", Bytes(8, 0xFF)), "x").integer(0) == -1);
    CHECK(parse_npy(npy("|u1", "", {9}), "x").size() == 1);
    CHECK_THROWS_AS(parse_npy(npy("<u8", "1,", Bytes(8, 0xFF)), "x").integer(0), InputError);
}

TEST_CASE("Malformed npy files are refused") {
    const Bytes six(6);
    for (const Bytes& bad :
         {npy("<f4", "1,", Bytes(4)), npy(">i4", "1,", Bytes(4)), npy("|O", "1,", Bytes(8)),
          npy("|u1", "2, 3", six, 1, "True"), npy("|u1", "2, 3", six, 4), npy("|u1", "7,", six), npy("|u1", "5,", six),
          npy("|u1", "-6,", six), npy("|u1", "2 3", six), npy("|u1", "9223372036854775807, 9223372036854775807", six),
          npy("|u1", "4294967296, 4294967296, 6", six), npy("|u1", "99999999999999999999", six),
          npy("|u1", "6, 1, 1, 1, 1, 1, 1, 1, 1", six), npy("|u1", "2, 3), 'shape': (6,", six),
          npy("|u1", "2, 3), 'more': (6,", six), npy("<u1", "6,", six), npy("|b2", "3,", six), Bytes{},
          Bytes(200, 'x')}) {
        CHECK_THROWS_AS(parse_npy(bad, "x"), InputError);
    }
    const Bytes good = npy("|u1", "2, 3", six);
    for (std::size_t keep = 0; keep < good.size(); ++keep) {
        CHECK_THROWS_AS(parse_npy(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(keep)), "x"),
                        InputError);
    }
}

TEST_CASE("medmnist: classes and labels, grey and RGB") {
    const TemporaryFolder scratch;
    for (bool rgb : {false, true}) {
        for (int labels : {1, 4}) {
            write_bytes(scratch / "set.npz", zip(medmnist_members(rgb, labels), labels == 4));
            const auto data = open_dataset("medmnist:" + (scratch / "set.npz"));
            CHECK(data->task() == (labels == 1 ? Task::classes : Task::labels));
            CHECK(data->label_names().size() == (labels == 1 ? 3 : 4));
            CHECK(data->channels() == (rgb ? 3 : 1));
            CHECK((data->size(Split::train) == 3 && data->size(Split::val) == 2 && data->size(Split::test) == 1));
            const Image val = data->load(Split::val, 1);
            const Image all = noise_image(5, 8, rgb ? 3 : 1, 2);
            CHECK((val.width == 5 && val.height == 4));
            CHECK(std::equal(val.pixels.begin(), val.pixels.end(), all.row(4)));
            if (labels == 1) CHECK(data->samples(Split::train)[2].label == 2);
            if (labels == 4) CHECK(data->samples(Split::train)[0].mask == 0b1010);
        }
    }
}

TEST_CASE("medmnist: archives that do not fit are refused") {
    const TemporaryFolder scratch;
    const auto refused = [&](auto change) {
        auto members = medmnist_members(false, 1);
        change(members);
        write_bytes(scratch / "bad.npz", zip(members, true));
        CHECK_THROWS_AS(open_dataset("medmnist:" + (scratch / "bad.npz")), InputError);
    };
    refused([](auto& m) { m.pop_back(); });
    refused([](auto& m) { m.push_back(m[0]); });
    refused([](auto& m) { m[0].data = npy("|u1", "1000000000, 28, 28", Bytes(60)); });
    refused([](auto& m) { m[0].data = npy("|u1", "3, 20", Bytes(60)); });
    refused([](auto& m) { m[0].data = npy("|u1", "3, 20, 0", {}); });
    refused([](auto& m) { m[0].data = npy("<i2", "3, 4, 5", Bytes(120)); });
    refused([](auto& m) { m[0].data = npy("<u4", "3, 4, 5", Bytes(240)); });
    refused([](auto& m) { m[0].data = npy("<u2", "3, 4, 5", Bytes(120)); });  // the others have 8 bits
    refused([](auto& m) { m[1].data = npy("|u1", "2, 1", Bytes(2)); });
    refused([](auto& m) { m[1].data = npy("|i1", "3, 1", {0, 1, 0xFF}); });
    refused([](auto& m) { m[1].data = npy("<i4", "3, 1", Bytes(12, 0x7F)); });
    refused([](auto& m) { m[1].data = npy("|u1", "3, 2", Bytes(6)); });
    refused([](auto& m) { m[2].data = npy("|u1", "2, 5, 4", Bytes(40)); });
    write_text(scratch / "text.npz", "no archive");
    CHECK_THROWS_AS(open_dataset("medmnist:" + (scratch / "text.npz")), InputError);
}

TEST_CASE("medmnist: what cannot be read says what it may be") {
    const TemporaryFolder scratch;
    const auto refusal = [&](const Bytes& images, const Bytes& labels) -> std::string {
        auto members = medmnist_members(false, 1);
        members[0].data = images;
        members[1].data = labels;
        write_bytes(scratch / "bad.npz", zip(members, true));
        try {
            open_dataset("medmnist:" + (scratch / "bad.npz"));
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    };
    const Bytes images = npy("|u1", "3, 4, 5", Bytes(60)), labels = npy("|u1", "3, 1", {0, 1, 2});
    CHECK_THAT(refusal(npy("<f4", "3, 4, 5", Bytes(240)), labels), contains("floating point") && contains("integers"));
    CHECK_THAT(refusal(npy("|u1", "3, 4, 5, 6", Bytes(360)), labels), contains("volumes"));
    CHECK_THAT(refusal(npy("|u1", "3, 3, 4, 5", Bytes(180)), labels), contains("channels first"));
    CHECK_THAT(refusal(images, npy("|O", "3,", Bytes(24))),
               contains("pickled Python objects, which are never executed"));
    CHECK_THAT(refusal(images, npy("|u1", "3,", {0, 1, 255})),
               contains("label 255 of train/2 makes 256 classes, of which 3 occur"));
}

TEST_CASE("medmnist: arrays in the forms that people save them in") {
    const TemporaryFolder scratch;
    Bytes deep(2 * 60);
    for (std::size_t i = 0; i < deep.size(); ++i) deep[i] = static_cast<std::uint8_t>(7 * i);
    auto members = medmnist_members(false, 1);
    for (auto [split, n] : {std::pair{0U, 3}, {2U, 2}, {4U, 1}}) {
        const Bytes some(deep.begin(), deep.begin() + 40 * n);
        const std::string count = std::to_string(n);
        members[split].data = npy("<u2", count + ", 4, 5, 1", some);
        members[split + 1].data = npy("<i8", count + ",", Bytes(static_cast<std::size_t>(8 * n)));
    }
    members[1].data[members[1].data.size() - 8] = 2;
    write_bytes(scratch / "deep.npz", zip64(members));
    const auto data = open_dataset("medmnist:" + (scratch / "deep.npz"));
    CHECK((data->task() == Task::classes && data->channels() == 1 && data->label_names().size() == 3));
    CHECK(data->samples(Split::train)[2].label == 2);
    for (const auto& [split, index] : {std::pair{Split::train, 2}, {Split::val, 1}, {Split::test, 0}}) {
        const Image image = data->load(split, index);
        CHECK((image.bits == 16 && image.width == 5 && image.height == 4));
        CHECK(image.pixels == Bytes(deep.begin() + 40 * index, deep.begin() + 40 * (index + 1)));
    }
    std::string said;
    for (const Remark& remark : describe(*data)) said += remark.text + "\n";
    CHECK_THAT(said, contains("class 1 has no training samples"));
}
