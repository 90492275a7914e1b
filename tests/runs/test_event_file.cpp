// Event files, parsed by hand as TensorFlow describes them.
#include "runs/event_file.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// CRC-32C bit by bit: the reflected polynomial 0x82f63b78.
std::uint32_t crc32c(const std::string& bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
    }
    return ~crc;
}

std::uint64_t little_endian(const std::string& bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return value;
}

/// The data of the records; both of a record's checksums are checked.
std::vector<std::string> records(const std::string& file) {
    std::vector<std::string> all;
    const auto checked = [&](const std::string& bytes, std::size_t at) {
        const auto crc = crc32c(bytes);
        CHECK(little_endian(file.substr(at, 4)) == static_cast<std::uint32_t>((crc >> 15 | crc << 17) + 0xa282ead8U));
    };
    for (std::size_t at = 0; at < file.size();) {
        REQUIRE(file.size() - at >= 16);
        const std::size_t length = little_endian(file.substr(at, 8));
        REQUIRE(file.size() - at - 16 >= length);
        checked(file.substr(at, 8), at + 8);
        checked(file.substr(at + 12, length), at + 12 + length);
        all.push_back(file.substr(at + 12, length));
        at += 16 + length;
    }
    return all;
}

/// Fields of a protobuf message by number; numbers of 4 and 8 bytes and varints as their bits.
struct Fields {
    std::multimap<int, std::uint64_t> numbers;
    std::multimap<int, std::string> bytes;
};

Fields parse(const std::string& message) {
    Fields fields;
    std::size_t at = 0;
    const auto varint = [&] {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            REQUIRE(at < message.size());
            const auto byte = static_cast<unsigned char>(message[at++]);
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80) == 0) return value;
        }
    };
    while (at < message.size()) {
        const auto tag = varint();
        const int number = static_cast<int>(tag >> 3);
        switch (tag & 7) {
            case 0:
                fields.numbers.emplace(number, varint());
                break;
            case 1:
                fields.numbers.emplace(number, little_endian(message.substr(at, 8))), at += 8;
                break;
            case 5:
                fields.numbers.emplace(number, little_endian(message.substr(at, 4))), at += 4;
                break;
            case 2: {
                const std::size_t length = varint();
                REQUIRE(message.size() - at >= length);
                fields.bytes.emplace(number, message.substr(at, length));
                at += length;
                break;
            }
            default:
                FAIL("wire type " << (tag & 7));
        }
    }
    return fields;
}

/// Tags and values of an Event's Summary.
std::map<std::string, float> scalars(const Fields& event) {
    std::map<std::string, float> values;
    const Fields summary = parse(event.bytes.find(5)->second);
    for (const auto& [number, text] : summary.bytes) {
        REQUIRE(number == 1);
        const Fields value = parse(text);
        values[value.bytes.find(1)->second] =
            std::bit_cast<float>(static_cast<std::uint32_t>(value.numbers.find(2)->second));
    }
    return values;
}

std::string only_file(const std::string& folder) {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        CHECK(found.empty());
        found = entry.path().string();
    }
    REQUIRE_FALSE(found.empty());
    return found;
}

void begin_events(const std::filesystem::path& folder) {
    EventFile events(folder);
    events.add({{"epoch", 1}, {"step", 1}});
    events.flush();
}

}  // namespace

TEST_CASE("CRC-32C has the values of RFC 3720", "[events]") {
    const auto unmasked = [](const std::string& bytes) { return std::rotl(masked_crc32c(bytes) - 0xa282ead8U, 15); };
    CHECK(unmasked(std::string(32, '\0')) == 0x8a9136aaU);
    CHECK(unmasked(std::string(32, '\xff')) == 0x62a8ab43U);
    CHECK(unmasked("123456789") == 0xe3069283U);
    CHECK(unmasked("") == 0);
}

TEST_CASE("Rows of metrics become scalars that TensorFlow's format describes", "[events]") {
    const TemporaryFolder folder;
    EventFile events(folder / "tensorboard");
    events.add({{"epoch", 1},
                {"step", 300},
                {"val_loss", 0.25},
                {"val_auroc_mean", std::nan("")},
                {"lr", 1e-3},
                {"note", nullptr}});
    events.add({{"epoch", 2}, {"step", 600}, {"val_loss", 0.125}});
    events.flush();
    const std::string file = only_file(folder / "tensorboard");
    CHECK(std::filesystem::path(file).filename().string().starts_with("events.out.tfevents."));

    const auto all = records(read_text(file));
    REQUIRE(all.size() == 4);
    const Fields version = parse(all[0]), start = parse(all[1]), first = parse(all[2]), second = parse(all[3]);
    CHECK(version.bytes.find(3)->second == "brain.Event:2");
    CHECK(start.numbers.find(2)->second == 300);
    CHECK(parse(start.bytes.find(7)->second).numbers.find(1)->second == 1);  // SessionLog::START
    CHECK(first.numbers.find(2)->second == 300);
    const double time = std::bit_cast<double>(first.numbers.find(1)->second);
    CHECK(std::abs(time - static_cast<double>(std::time(nullptr))) < 100);
    CHECK(scalars(first) == std::map<std::string, float>{{"epoch", 1.0F}, {"val/loss", 0.25F}, {"lr", 1e-3F}});
    CHECK(second.numbers.find(2)->second == 600);
    CHECK(scalars(second) == std::map<std::string, float>{{"epoch", 2.0F}, {"val/loss", 0.125F}});
}

TEST_CASE("Event files are removed and nothing else", "[events]") {
    const TemporaryFolder folder;
    begin_events(folder / "a");
    remove_event_files(folder / "a");
    CHECK_FALSE(std::filesystem::exists(folder / "a"));
    begin_events(folder / "b");
    write_text(folder / "b/mine.txt", "mine");
    remove_event_files(folder / "b");
    CHECK(only_file(folder / "b") == folder / "b/mine.txt");
    remove_event_files(folder / "nowhere");
}
