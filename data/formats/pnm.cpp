// PGM and PPM of netpbm, as text (P2, P3) and binary (P5, P6).
#include <algorithm>
#include <cstddef>
#include <utility>

#include "data/formats/image_format.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = ImageFormat::Bytes;

constexpr const char* kExtensions[] = {"pgm", "ppm", "pnm"};
constexpr int kMostSample = 65535;

[[noreturn]] void bad(const std::string& name, const char* what) { throw InputError("[decode] " + name + ": " + what); }

bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool matches(Bytes b) {
    return b.size() >= 3 && b[0] == 'P' && (b[1] == '2' || b[1] == '3' || b[1] == '5' || b[1] == '6') &&
           (is_space(b[2]) || b[2] == '#');
}

/// Decimal numbers between blanks and comments.
class Numbers {
public:
    Numbers(Bytes file, std::size_t at, const std::string& name) : file_(file), at_(at), name_(name) {}

    /// Returns the next number, at most `most`.
    int next(int most, const char* what) {
        skip_blanks();
        if (at_ == file_.size()) bad(name_, "truncated PGM or PPM file");
        int value = 0;
        const std::size_t begin = at_;
        for (; at_ < file_.size() && file_[at_] >= '0' && file_[at_] <= '9'; ++at_) {
            value = 10 * value + (file_[at_] - '0');
            if (value > most) bad(name_, what);
        }
        if (at_ == begin) bad(name_, what);
        return value;
    }
    std::size_t at() const { return at_; }

private:
    void skip_blanks() {
        while (at_ < file_.size() && (is_space(file_[at_]) || file_[at_] == '#')) {
            if (file_[at_] == '#')
                while (at_ < file_.size() && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
            else
                ++at_;
        }
    }
    Bytes file_;
    std::size_t at_;
    const std::string& name_;
};

struct Header {
    int width, height, most;  ///< most: the sample that is white
    bool text;
    int channels;
    std::size_t pixels;  ///< where they begin
};

Header read_header(Bytes file, const std::string& name) {
    constexpr const char* kDamaged = "damaged PGM or PPM header";
    constexpr int kMostSide = 100'000'000;
    Numbers numbers(file, 2, name);
    Header h{};
    h.text = file[1] <= '3';
    h.channels = file[1] == '2' || file[1] == '5' ? 1 : 3;
    h.width = numbers.next(kMostSide, kDamaged);
    h.height = numbers.next(kMostSide, kDamaged);
    h.most = numbers.next(kMostSample, kDamaged);
    if (h.most < 1) bad(name, kDamaged);
    h.pixels = numbers.at();
    if (!h.text) {  // one blank, then bytes
        if (h.pixels == file.size()) bad(name, "truncated PGM or PPM file");
        if (!is_space(file[h.pixels++])) bad(name, kDamaged);
    }
    return h;
}

ImageHeader header(Bytes file, const std::string& name) {
    const Header h = read_header(file, name);
    return {h.width, h.height, h.channels, h.most > 255 ? 16 : 8, h.channels};
}

/// Calls put(i, sample) for all of them.
template <class Put>
void each_sample(Bytes file, const Header& h, std::size_t count, const std::string& name, const Put& put) {
    constexpr const char* kTooLarge = "a PGM or PPM sample is above its maximum, or no number";
    if (h.text) {
        Numbers numbers(file, h.pixels, name);
        for (std::size_t i = 0; i < count; ++i) put(i, numbers.next(h.most, kTooLarge));
        return;
    }
    const std::uint8_t* src = file.data() + h.pixels;
    for (std::size_t i = 0; i < count; ++i) {
        const int sample = h.most > 255 ? src[2 * i] << 8 | src[2 * i + 1] : src[i];
        if (sample > h.most) bad(name, kTooLarge);
        put(i, sample);
    }
}

Image decode(Bytes file, const ImageHeader& claimed, const DecodeOptions& options, const std::string& name) {
    const Header h = read_header(file, name);
    // A sample is at least a digit and a blank, or its bytes; checked before memory is taken for them.
    const std::size_t count = static_cast<std::size_t>(h.width) * static_cast<std::size_t>(h.height) *
                              static_cast<std::size_t>(h.channels),
                      least = h.text ? 2 * count - 1 : count * (h.most > 255 ? 2U : 1U);
    if (file.size() - h.pixels < least) bad(name, "truncated PGM or PPM file");
    if (h.most <= 255) {
        Image image(claimed.width, claimed.height, h.channels);
        each_sample(file, h, count, name, [&](std::size_t i, int sample) {
            image.pixels[i] = static_cast<std::uint8_t>((sample * 510 + h.most) / (2 * h.most));
        });
        return image;
    }
    Image deep(claimed.width, claimed.height, h.channels, 16);
    each_sample(file, h, count, name,
                [&](std::size_t i, int sample) { deep.row16(0)[i] = static_cast<std::uint16_t>(sample); });
    ImageReading reading = options.reading;
    if (h.most == kMostSample || !reading.rescale.empty()) return brightness_of(std::move(deep), reading, name);
    reading.rescale = {0, static_cast<float>(h.most)};  // the file says itself what is white
    return brightness_of(std::move(deep), reading, name);
}

}  // namespace

const ImageFormat kPnmFormat{"PGM", kExtensions, matches, header, decode};

}  // namespace keel
