#include "data/pipeline/transform.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/core.h>

#include "kernels/error.h"

namespace keel {

void check_transform(const TransformOptions& o) {
    const auto want = [](bool good, const char* message) { require<UsageError>(good, message); };
    const auto fraction = [](float v) { return v >= 0.0F && v < 1.0F; };
    want(o.image_size >= 1 && o.image_size <= kMaxImageSide, "[transform] image size must be within [1, 16384]");
    want(o.channels >= 1, "[transform] channels must be positive");
    want(o.rotate_degrees >= 0.0F && o.rotate_degrees <= 180.0F,
         "[transform] rotation must be within [0, 180] degrees");
    want(fraction(o.shift), "[transform] shift must be within [0, 1)");
    want(o.scale_min > 0.0F && o.scale_min <= 1.0F, "[transform] scale_min must be within (0, 1]");
    want(fraction(o.brightness) && fraction(o.contrast), "[transform] brightness and contrast must be within [0, 1)");
    want(o.erase >= 0.0F && o.erase <= 1.0F, "[transform] the probability of erasing must be within [0, 1]");
    want(o.erase_area >= kLeastErased && o.erase_area < 1.0F, "[transform] the erased area must be within [0.02, 1)");
    const auto fits = [&](const std::vector<float>& v) {
        return v.size() == 1 || v.size() == static_cast<std::size_t>(o.channels);
    };
    want(fits(o.mean) && fits(o.std), "[transform] mean and std need one value or one a channel");
    want(std::ranges::all_of(o.mean, [](float v) { return std::isfinite(v); }), "[transform] mean must be finite");
    want(std::ranges::all_of(o.std, [](float v) { return v > 0.0F && std::isfinite(v); }),
         "[transform] std must be positive");
}

namespace {

void draw_crop(Random& random, float scale_min, Augmentation& a) {
    const float log_ratio = std::log(4.0F / 3.0F);
    for (int attempt = 0; attempt < 10; ++attempt) {
        const float area = random.uniform(scale_min, 1.0F);
        const float ratio = std::exp(random.uniform(-log_ratio, log_ratio));
        const float width = std::sqrt(area * ratio), height = std::sqrt(area / ratio);
        if (width > 1.0F || height > 1.0F) continue;
        a.crop_w = width;
        a.crop_h = height;
        a.crop_x = random.uniform(0.0F, 1.0F - width);
        a.crop_y = random.uniform(0.0F, 1.0F - height);
        return;
    }
}

void draw_erasing(Random& random, float largest, Augmentation& a) {
    constexpr float kLeastRatio = 0.3F;
    for (int attempt = 0; attempt < 100; ++attempt) {
        const float area = random.uniform(kLeastErased, largest);
        const float ratio = random.uniform(kLeastRatio, 1 / kLeastRatio);
        const float height = std::sqrt(area * ratio), width = std::sqrt(area / ratio);
        const float x = random.uniform(), y = random.uniform();
        if (x + width > 1.0F || y + height > 1.0F) continue;
        a.erase_x = x;
        a.erase_y = y;
        a.erase_w = width;
        a.erase_h = height;
        a.noise = std::uint64_t{random.bits()} << 32 | random.bits();
        return;
    }
}

}  // namespace

Augmentation draw_augmentation(const TransformOptions& o, std::uint64_t seed, std::uint64_t epoch,
                               std::uint64_t index) {
    Augmentation a;
    if (!o.augment) return a;
    Random random(seed, Draw::augment, epoch, index);
    if (o.flip) a.flip = random.chance(0.5F);
    if (o.scale_min < 1.0F) draw_crop(random, o.scale_min, a);
    const float radians = o.rotate_degrees * 3.14159265F / 180.0F;
    a.angle = random.uniform(-radians, radians);
    a.shift_x = random.uniform(-o.shift, o.shift);
    a.shift_y = random.uniform(-o.shift, o.shift);
    a.brightness = random.uniform(1.0F - o.brightness, 1.0F + o.brightness);
    a.contrast = random.uniform(1.0F - o.contrast, 1.0F + o.contrast);
    if (o.erase > 0.0F && random.chance(o.erase)) draw_erasing(random, o.erase_area, a);
    return a;
}

LeastSize least_size(const TransformOptions& o, const Augmentation& a) {
    const auto side = [&](float crop) {
        return static_cast<int>(std::ceil(2.0F * static_cast<float>(o.image_size) / crop));
    };
    return {side(a.crop_w), side(a.crop_h)};
}

namespace {

/// (v - mean) / std of channel c.
class Normalization {
public:
    explicit Normalization(const TransformOptions& o) : o_(o) {}
    float operator()(float v, std::size_t c) const { return (v - of(o_.mean, c)) / of(o_.std, c); }

private:
    static float of(const std::vector<float>& values, std::size_t c) { return values[values.size() == 1 ? 0 : c]; }
    const TransformOptions& o_;
};

/// The photometric change of a value p, where the image's mean is `middle`.
float changed(float p, float middle, const Augmentation& a) {
    return std::clamp(a.contrast * a.brightness * (p - middle) + a.brightness * middle, 0.0F, 1.0F);
}

/// The last pass: mirroring and grey to all channels at once. write(sample, c, dst) makes the value.
template <class Map, class Write>
void finish_rows(const Map& image, const TransformOptions& o, bool flip, float* dst, Write write) {
    const bool replicate = image.channels == 1;
    const auto width = static_cast<std::size_t>(image.width), channels = static_cast<std::size_t>(o.channels);
    for (int y = 0; y < image.height; ++y) {
        const auto* row = image.row(y);
        for (std::size_t x = 0; x < width; ++x) {
            const auto* pixel = row + (flip ? width - 1 - x : x) * static_cast<std::size_t>(image.channels);
            for (std::size_t c = 0; c < channels; ++c) *dst++ = write(pixel[replicate ? 0 : c], c);
        }
    }
}

/// Pixels of 8 bits have 256 values, so the arithmetic is done once for each and looked up.
void finish(const Image& image, const TransformOptions& o, const Augmentation& a, float* dst) {
    const double sum = a.contrast == 1.0F ? 0.0 : std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0);
    const float middle = static_cast<float>(sum / 255.0 / static_cast<double>(image.pixels.size()));
    const auto channels = static_cast<std::size_t>(o.channels);
    const Normalization normalized(o);
    std::vector<float> table(256 * channels);
    for (std::size_t v = 0; v < 256; ++v)
        for (std::size_t c = 0; c < channels; ++c)
            table[v * channels + c] = normalized(changed(static_cast<float>(v) / 255.0F, middle, a), c);
    finish_rows(image, o, a.flip, dst, [&](std::uint8_t v, std::size_t c) { return table[v * channels + c]; });
}

void finish(const FloatImage& image, const TransformOptions& o, const Augmentation& a, float* dst) {
    const double sum = a.contrast == 1.0F ? 0.0 : std::accumulate(image.values.begin(), image.values.end(), 0.0);
    const float middle = static_cast<float>(sum / static_cast<double>(image.values.size()));
    const Normalization normalized(o);
    finish_rows(image, o, a.flip, dst, [&](float p, std::size_t c) { return normalized(changed(p, middle, a), c); });
}

bool moves(const Augmentation& a) { return a.angle != 0.0F || a.shift_x != 0.0F || a.shift_y != 0.0F; }

void erase(bool grey, const TransformOptions& o, const Augmentation& a, float* dst) {
    const auto side = static_cast<float>(o.image_size);
    const auto border = [&](float at) { return static_cast<std::size_t>(std::lround(std::min(at, 1.0F) * side)); };
    const auto width = static_cast<std::size_t>(o.image_size), channels = static_cast<std::size_t>(o.channels);
    const Normalization normalized(o);
    Random random(a.noise, Draw::augment);
    for (std::size_t y = border(a.erase_y); y < border(a.erase_y + a.erase_h); ++y)
        for (std::size_t x = border(a.erase_x); x < border(a.erase_x + a.erase_w); ++x) {
            float value = random.uniform();
            for (std::size_t c = 0; c < channels; ++c) {
                if (c > 0 && !grey) value = random.uniform();
                dst[(y * width + x) * channels + c] = normalized(value, c);
            }
        }
}

/// Warps, where the augmentation does, and finishes.
template <class Map>
void warp_and_finish(const Map& image, const TransformOptions& o, const Augmentation& a, float* dst) {
    const auto side = static_cast<float>(o.image_size);
    if (moves(a))
        finish(warp(image, a.angle, a.shift_x * side, a.shift_y * side), o, a, dst);
    else
        finish(image, o, a, dst);
    if (a.erase_w > 0.0F) erase(image.channels == 1, o, a, dst);
}

}  // namespace

void transform_image(const Image& src, const TransformOptions& o, const Augmentation& a, float* dst) {
    check_image(src, "transform");
    // Grey to more waits for the last pass, so that the passes before it move fewer bytes.
    const bool replicate = src.channels == 1;
    if (src.channels != o.channels && !replicate)
        return transform_image(convert_channels(src, o.channels, "transform"), o, a, dst);

    const int side = o.image_size;
    const Box box{a.crop_x * static_cast<double>(src.width), a.crop_y * static_cast<double>(src.height),
                  a.crop_w * static_cast<double>(src.width), a.crop_h * static_cast<double>(src.height)};
    const bool same =
        box.x == 0 && box.y == 0 && box.width == side && box.height == side && src.width == side && src.height == side;
    if (src.bits > 8)
        warp_and_finish(same ? floats_of(src) : resize_to_floats(src, box, side, side), o, a, dst);
    else if (same)
        warp_and_finish(src, o, a, dst);
    else
        warp_and_finish(resize(src, box, side, side), o, a, dst);
}

}  // namespace keel
