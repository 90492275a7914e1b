// The npy reader and the source on top of it and of zip.h, on good archives and on hostile ones.
#include <algorithm>

#include "data/dataset.h"
#include "data/formats/npy.h"
#include "data/inspect/info.h"
#include "kernels/error.h"
#include "tests/data/archives.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

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

}  // namespace

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
