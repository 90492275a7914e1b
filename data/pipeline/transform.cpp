#include "data/pipeline/transform.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/core.h>

#include "data/formats/decode.h"
#include "kernels/error.h"

namespace keel {

void check_transform(const TransformOptions& o) {
    const auto want = [](bool good, const char* message) { require<UsageError>(good, message); };
    const auto fraction = [](float v) { return v >= 0.0F && v < 1.0F; };
    want(o.image_size >= 1 && o.image_size <= kMaxImageSide, "[transform] image size must be within [1, 16384]");
    want(o.channels >= 1, "[transform] channels must be positive");
    want(o.rotate_degrees >= 0.0F && o.rotate_degrees <= 180.0F, "[transform] rotation must be within [0, 180] degrees");
    want(fraction(o.shift), "[transform] shift must be within [0, 1)");
    want(o.scale_min > 0.0F && o.scale_min <= 1.0F, "[transform] scale_min must be within (0, 1]");
    want(fraction(o.brightness) && fraction(o.contrast), "[transform] brightness and contrast must be within [0, 1)");
    const auto fits = [&](const std::vector<float>& v) {
        return v.size() == 1 || v.size() == static_cast<std::size_t>(o.channels);
    };
    want(fits(o.mean) && fits(o.std), "[transform] mean and std need one value or one a channel");
    want(std::ranges::all_of(o.mean, [](float v) { return std::isfinite(v); }), "[transform] mean must be finite");
    want(std::ranges::all_of(o.std, [](float v) { return v > 0.0F && std::isfinite(v); }), "[transform] std must be positive");
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

}  // namespace

Augmentation draw_augmentation(const TransformOptions& o, std::uint64_t seed, std::uint64_t epoch, std::uint64_t index) {
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
    return a;
}

LeastSize least_size(const TransformOptions& o, const Augmentation& a) {
    const auto side = [&](float crop) { return static_cast<int>(std::ceil(2.0F * static_cast<float>(o.image_size) / crop)); };
    return {side(a.crop_w), side(a.crop_h)};
}

namespace {

/// src at (x, y) + (wx, wy), 0 outside the picture.
std::uint8_t bilinear(const Image& src, int x, int y, float wx, float wy, int c) {
    const auto at = [&](int i, int j) {
        const bool inside = i >= 0 && j >= 0 && i < src.width && j < src.height;
        return inside ? static_cast<float>(src.row(j)[i * src.channels + c]) : 0.0F;
    };
    const float top = at(x, y) + wx * (at(x + 1, y) - at(x, y));
    const float bottom = at(x, y + 1) + wx * (at(x + 1, y + 1) - at(x, y + 1));
    return static_cast<std::uint8_t>(top + wy * (bottom - top) + 0.5F);
}

}  // namespace

Image warp(const Image& src, float angle, float shift_x, float shift_y) {
    Image dst(src.width, src.height, src.channels);
    // Coordinates in 1/65536 pixel: floor and fraction become a shift and a mask, which baseline x86-64 has no float instruction
    // for.
    constexpr double kOne = 65536.0;
    const double cosine = std::cos(static_cast<double>(angle)), sine = std::sin(static_cast<double>(angle));
    const double cx = 0.5 * (src.width - 1), cy = 0.5 * (src.height - 1);
    const auto step_x = static_cast<std::int64_t>(std::llround(cosine * kOne)),
               step_y = static_cast<std::int64_t>(std::llround(-sine * kOne));
    for (int y = 0; y < dst.height; ++y) {
        const double u = -cx - static_cast<double>(shift_x), v = y - cy - static_cast<double>(shift_y);
        std::int64_t sx = std::llround((cosine * u + sine * v + cx) * kOne), sy = std::llround((cosine * v - sine * u + cy) * kOne);
        std::uint8_t* out = dst.row(y);
        for (int x = 0; x < dst.width; ++x, sx += step_x, sy += step_y) {
            const float wx = static_cast<float>(sx & 0xFFFF) * 0x1p-16F, wy = static_cast<float>(sy & 0xFFFF) * 0x1p-16F;
            for (int c = 0; c < src.channels; ++c) {
                *out++ = bilinear(src, static_cast<int>(sx >> 16), static_cast<int>(sy >> 16), wx, wy, c);
            }
        }
    }
    return dst;
}

namespace {

/// The last pass: photometric change, normalisation, mirroring and grey to RGB at once. Pixels have 256 values, so the
/// arithmetic is done once for each and looked up.
void finish(const Image& image, const TransformOptions& o, const Augmentation& a, float* dst) {
    const double sum = a.contrast == 1.0F ? 0.0 : std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0);
    const float middle = static_cast<float>(sum / 255.0 / static_cast<double>(image.pixels.size()));
    const auto channels = static_cast<std::size_t>(o.channels);
    std::vector<float> table(256 * channels);
    for (std::size_t v = 0; v < 256; ++v) {
        const float p = static_cast<float>(v) / 255.0F;
        const float changed = a.contrast * a.brightness * (p - middle) + a.brightness * middle;
        for (std::size_t c = 0; c < channels; ++c) {
            const float mean = o.mean[o.mean.size() == 1 ? 0 : c], std = o.std[o.std.size() == 1 ? 0 : c];
            table[v * channels + c] = (std::clamp(changed, 0.0F, 1.0F) - mean) / std;
        }
    }
    const bool replicate = image.channels == 1;
    const auto width = static_cast<std::size_t>(image.width);
    for (int y = 0; y < image.height; ++y) {
        const std::uint8_t* row = image.row(y);
        for (std::size_t x = 0; x < width; ++x) {
            const std::uint8_t* pixel = row + (a.flip ? width - 1 - x : x) * static_cast<std::size_t>(image.channels);
            for (std::size_t c = 0; c < channels; ++c) *dst++ = table[pixel[replicate ? 0 : c] * channels + c];
        }
    }
}

}  // namespace

void transform_image(const Image& src, const TransformOptions& o, const Augmentation& a, float* dst) {
    // Grey to RGB waits for the last pass, so that the passes before it move a third of the bytes.
    const bool replicate = src.channels == 1 && o.channels == 3;
    if (src.channels != o.channels && !replicate) return transform_image(convert_channels(src, o.channels, "transform"), o, a, dst);

    const Box box{a.crop_x * static_cast<double>(src.width), a.crop_y * static_cast<double>(src.height),
                  a.crop_w * static_cast<double>(src.width), a.crop_h * static_cast<double>(src.height)};
    const bool same = box.x == 0 && box.y == 0 && box.width == o.image_size && box.height == o.image_size &&
                      src.width == o.image_size && src.height == o.image_size;
    Image resized;
    const Image* image = &src;
    if (!same) {
        resized = resize(src, box, o.image_size, o.image_size);
        image = &resized;
    }
    if (a.angle != 0.0F || a.shift_x != 0.0F || a.shift_y != 0.0F) {
        const auto side = static_cast<float>(o.image_size);
        resized = warp(*image, a.angle, a.shift_x * side, a.shift_y * side);
        image = &resized;
    }
    finish(*image, o, a, dst);
}

}  // namespace keel
