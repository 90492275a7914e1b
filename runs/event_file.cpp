#include "runs/event_file.h"

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <unistd.h>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/paths.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

double seconds_since_1970() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// The fields of Event, Summary and SessionLog that are written (TensorFlow, core/util/event.proto and
/// core/framework/summary.proto), in protobuf's wire format: a tag (number << 3 | kind), then a varint, 8 or 4 bytes,
/// or a length and bytes.
class ProtobufMessage {
public:
    ProtobufMessage& varint(int number, std::uint64_t value) {
        put(number, 0);
        return put_varint(value);
    }
    ProtobufMessage& real(int number, double value) {
        put(number, 1);
        return put_little(std::bit_cast<std::uint64_t>(value), 8);
    }
    ProtobufMessage& real(int number, float value) {
        put(number, 5);
        return put_little(std::bit_cast<std::uint32_t>(value), 4);
    }
    ProtobufMessage& bytes(int number, std::string_view value) {
        put(number, 2);
        put_varint(value.size());
        text_ += value;
        return *this;
    }
    const std::string& text() const { return text_; }

private:
    void put(int number, int kind) { put_varint(static_cast<std::uint64_t>(number << 3 | kind)); }
    ProtobufMessage& put_varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
        text_ += static_cast<char>(value);
        return *this;
    }
    ProtobufMessage& put_little(std::uint64_t value, int count) {
        for (int i = 0; i < count; ++i) text_ += static_cast<char>(value >> (8 * i));
        return *this;
    }
    std::string text_;
};

ProtobufMessage event(std::int64_t step) {
    return ProtobufMessage().real(1, seconds_since_1970()).varint(2, static_cast<std::uint64_t>(step));
}

std::string version_event() { return ProtobufMessage().real(1, seconds_since_1970()).bytes(3, "brain.Event:2").text(); }

std::string start_event(std::int64_t step) {
    constexpr std::uint64_t kStart = 1;
    return event(step).bytes(7, ProtobufMessage().varint(1, kStart).text()).text();
}

std::string tag_of(std::string key) {
    if (const std::size_t at = key.find('_'); key.starts_with("train_") || key.starts_with("val_")) key[at] = '/';
    return key;
}

std::string little_endian(std::uint64_t value, int count) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
}

std::string new_name() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return fmt::format("{}{}.{}.{}", kPrefix, static_cast<std::int64_t>(seconds_since_1970()),
                       host[0] != '\0' ? host.data() : "host", ::getpid());
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
    // ISA-L takes its buffer without const and does not write to it; lengths of int's range are far above a record's.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
    const std::uint32_t crc = ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~std::uint32_t{0});
    return std::rotr(crc, 15) + 0xa282ead8U;
}

std::string tfrecord(std::string_view data) {
    const std::string length = little_endian(data.size(), 8);
    return length + little_endian(masked_crc32c(length), 4) + std::string(data) + little_endian(masked_crc32c(data), 4);
}

EventFile::EventFile(const fs::path& folder) : file_(folder / new_name()) {}

void EventFile::add(const Json& row) {
    const auto step = row.at("step").get<std::int64_t>();
    std::string summary;
    for (const auto& [key, value] : row.items())
        if (value.is_number() && key != "step" && std::isfinite(value.get<double>()))
            summary +=
                ProtobufMessage()
                    .bytes(
                        1,
                        ProtobufMessage().bytes(1, tag_of(key)).real(2, static_cast<float>(value.get<double>())).text())
                    .text();
    const std::string start = std::exchange(begun_, true) ? "" : tfrecord(start_event(step));
    file_.add(start + tfrecord(event(step).bytes(5, summary).text()), tfrecord(version_event()));
}

void remove_event_files(const fs::path& folder) {
    if (!is_folder(folder)) return;
    for (const FolderEntry& entry : list_folder(folder))
        if (entry.name.starts_with(kPrefix)) remove_path(folder / entry.name);
    if (list_folder(folder).empty()) remove_path(folder);
}

}  // namespace keel
