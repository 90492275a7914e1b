#include "tests/data/dicom_streams.h"

#include <algorithm>
#include <cstdlib>

namespace keel::test {
namespace {

/// PackBits.
Stream pack_bits(const Stream& bytes) {
    Stream packed;
    for (std::size_t i = 0; i < bytes.size();) {
        std::size_t run = 1;
        while (i + run < bytes.size() && run < 128 && bytes[i + run] == bytes[i]) ++run;
        if (run >= 3) {
            packed.push_back(static_cast<std::uint8_t>(257 - run));
            packed.push_back(bytes[i]);
            i += run;
            continue;
        }
        const std::size_t count = std::min<std::size_t>(bytes.size() - i, 2);
        packed.push_back(static_cast<std::uint8_t>(count - 1));
        packed.insert(packed.end(), bytes.begin() + static_cast<std::ptrdiff_t>(i),
                      bytes.begin() + static_cast<std::ptrdiff_t>(i + count));
        i += count;
    }
    return packed;
}

/// Bits from the highest on, with the zero that JPEG wants behind each 0xFF.
class BitWriter {
public:
    explicit BitWriter(Stream& to) : to_(to) {}
    void put(unsigned value, int count) {
        for (int i = count - 1; i >= 0; --i) {
            byte_ = byte_ << 1 | (value >> i & 1U);
            if (++filled_ == 8) flush();
        }
    }
    void finish() {
        while (filled_ != 0) put(1, 1);
    }

private:
    void flush() {
        to_.push_back(static_cast<std::uint8_t>(byte_));
        if (byte_ == 0xFF) to_.push_back(0);
        byte_ = 0;
        filled_ = 0;
    }
    Stream& to_;
    unsigned byte_ = 0;
    int filled_ = 0;
};

}  // namespace

Stream encode_rle(const std::vector<int>& values, int bits) {
    std::vector<Stream> segments;
    for (int shift = bits - 8; shift >= 0; shift -= 8) {
        Stream bytes;
        for (const int value : values) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
        segments.push_back(pack_bits(bytes));
        if (segments.back().size() % 2 != 0) segments.back().push_back(0);
    }
    Stream stream(64);
    stream[0] = static_cast<std::uint8_t>(segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
        for (std::size_t b = 0; b < 4; ++b)
            stream[4 * (i + 1) + b] = static_cast<std::uint8_t>(stream.size() >> (8 * b));
        stream.insert(stream.end(), segments[i].begin(), segments[i].end());
    }
    return stream;
}

Stream encode_lossless_jpeg(const std::vector<int>& values, int width, int bits) {
    const auto high = [](int v) { return static_cast<std::uint8_t>(v >> 8); };
    const auto low = [](int v) { return static_cast<std::uint8_t>(v); };
    const int height = static_cast<int>(values.size()) / width;
    Stream stream{0xFF,        0xD8,        0xFF,       0xC3, 0, 11,   low(bits), high(height),
                  low(height), high(width), low(width), 1,    1, 0x11, 0};
    stream.insert(stream.end(), {0xFF, 0xC4, 0, 36, 0});  // 17 categories, all with codes of 5 bits
    for (int length = 1; length <= 16; ++length) stream.push_back(length == 5 ? 17 : 0);
    for (int category = 0; category <= 16; ++category) stream.push_back(low(category));
    stream.insert(stream.end(), {0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0});
    BitWriter writer(stream);
    for (int i = 0; i < static_cast<int>(values.size()); ++i) {
        const auto at = [&](int k) { return values[static_cast<std::size_t>(k)]; };
        const int predicted = i == 0 ? 1 << (bits - 1) : i % width == 0 ? at(i - width) : at(i - 1);
        const int difference = static_cast<std::int16_t>(at(i) - predicted);
        int category = 0;
        while (category < 16 && std::abs(difference) >> category != 0) ++category;
        writer.put(static_cast<unsigned>(category), 5);
        if (category < 16)
            writer.put(static_cast<unsigned>(difference > 0 ? difference : difference - 1) & ((1U << category) - 1),
                       category);
    }
    writer.finish();
    stream.insert(stream.end(), {0xFF, 0xD9});
    return stream;
}

}  // namespace keel::test
