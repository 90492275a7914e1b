// The reader of zip archives, on good ones and on hostile ones.
#include "data/formats/zip.h"

#include <algorithm>

#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/data/archives.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

void patch(Bytes& bytes, std::size_t at, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i)
        bytes[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
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
