#include "data/pipeline/transform.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;

namespace {

/// The triangle filter written as its definition, two dimensions at once, in double.
double resize_at(const Image& src, const Box& box, int width, int height, int x, int y, int c) {
    const auto weight = [](int j, double centre, double support) {
        return std::max(0.0, 1.0 - std::abs(j + 0.5 - centre) / support);
    };
    const double sx = box.width / width, sy = box.height / height, ux = std::max(sx, 1.0), uy = std::max(sy, 1.0);
    double sum = 0, weights = 0;
    for (int j = 0; j < src.height; ++j) {
        for (int i = 0; i < src.width; ++i) {
            const double w = weight(i, box.x + (x + 0.5) * sx, ux) * weight(j, box.y + (y + 0.5) * sy, uy);
            sum += w * src.row(j)[i * src.channels + c];
            weights += w;
        }
    }
    return sum / weights;
}

void compare_resize(const Image& src, const Box& box, int width, int height) {
    const Image dst = resize(src, box, width, height);
    REQUIRE(dst.width == width);
    REQUIRE(dst.height == height);
    double worst = 0;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < src.channels; ++c) {
                worst = std::max(
                    worst, std::abs(dst.row(y)[x * src.channels + c] - resize_at(src, box, width, height, x, y, c)));
            }
        }
    }
    // Rounding to 8 bits is 1/2; float sums of n weights that add up to 1: at most 2 n 2^-24 * 255, far below 1e-2.
    CHECK(worst <= 0.5 + 1e-2);
}

}  // namespace

TEST_CASE("Resize agrees with the definition in double") {
    for (int channels : {1, 3}) {
        const Image src = noise_image(37, 23, channels, 1);
        for (auto [w, h] : {std::pair{37, 23}, {8, 8}, {1, 1}, {64, 64}, {36, 24}, {5, 90}}) {
            compare_resize(src, {0, 0, 37, 23}, w, h);
            compare_resize(src, {3.25, 1.5, 20.125, 17.75}, w, h);
        }
    }
}

TEST_CASE("Resize to the same size, and of one color, is exact") {
    const Image src = noise_image(31, 17, 3, 2);
    CHECK(resize(src, 31, 17).pixels == src.pixels);
    Image white(50, 40, 1);
    std::ranges::fill(white.pixels, std::uint8_t{255});
    for (auto [w, h] : {std::pair{7, 3}, {224, 224}, {49, 41}}) {
        const Image result = resize(white, w, h);
        CHECK(std::ranges::all_of(result.pixels, [](int v) { return v == 255; }));
    }
}

TEST_CASE("Warp agrees with its formula") {
    const Image src = noise_image(24, 24, 3, 3);
    CHECK(warp(src, 0.0F, 0.0F, 0.0F).pixels == src.pixels);
    const Image moved = warp(src, 0.0F, 3.0F, -2.0F);
    for (int y = 0; y < 24; ++y) {
        for (int x = 0; x < 24; ++x) {
            const bool inside = x >= 3 && y + 2 < 24;
            CHECK(moved.row(y)[3 * x] == (inside ? src.row(y + 2)[3 * (x - 3)] : 0));
        }
    }
    const double angle = 0.3, dx = 1.25, dy = -0.5, centre = 11.5;
    const Image turned = warp(src, 0.3F, 1.25F, -0.5F);
    const auto at = [&](int x, int y, int c) {
        return x < 0 || y < 0 || x >= 24 || y >= 24 ? 0.0 : src.row(y)[3 * x + c];
    };
    double worst = 0;
    for (int y = 0; y < 24; ++y) {
        for (int x = 0; x < 24; ++x) {
            const double u = x - centre - dx, v = y - centre - dy;
            const double sx = std::cos(angle) * u + std::sin(angle) * v + centre,
                         sy = std::cos(angle) * v - std::sin(angle) * u + centre;
            const int ix = static_cast<int>(std::floor(sx)), iy = static_cast<int>(std::floor(sy));
            for (int c = 0; c < 3; ++c) {
                const double top = at(ix, iy, c) + (sx - ix) * (at(ix + 1, iy, c) - at(ix, iy, c));
                const double bottom = at(ix, iy + 1, c) + (sx - ix) * (at(ix + 1, iy + 1, c) - at(ix, iy + 1, c));
                worst = std::max(worst, std::abs(turned.row(y)[3 * x + c] - (top + (sy - iy) * (bottom - top))));
            }
        }
    }
    // Coordinates are kept to 2^-17 with a step error of 2^-17 over 24 steps, in x and y: 50 * 2^-17 * 255 = 0.1, plus
    // rounding.
    CHECK(worst <= 0.5 + 0.1);
}

TEST_CASE("Without augmentation the transform is resize and normalize") {
    const Image src = noise_image(20, 20, 1, 4);
    TransformOptions options{.image_size = 12, .channels = 3, .mean = {0.1F, 0.2F, 0.3F}, .std = {0.5F, 0.25F, 2.0F}};
    std::vector<float> dst(12 * 12 * 3);
    transform_image(src, options, draw_augmentation(options, 1, 2, 3), dst.data());
    const Image small = resize(src, 12, 12);
    for (std::size_t p = 0; p < 144; ++p) {
        for (std::size_t c = 0; c < 3; ++c) {
            const double want = (small.pixels[p] / 255.0 - options.mean[c]) / options.std[c];
            CHECK(dst[3 * p + c] == Approx(want).margin(1e-5));  // a few float roundings of values up to 4
        }
    }
    CHECK_THROWS_AS(transform_image(noise_image(20, 20, 2, 4), options, {}, dst.data()), InputError);
    options.channels = 2;
    options.mean = options.std = {0.5F};
    CHECK_THROWS_AS(transform_image(noise_image(20, 20, 3, 4), options, {}, dst.data()), InputError);
    transform_image(src, options, {}, dst.data());  // grey becomes any number of channels
    for (std::size_t p = 0; p < 144; ++p)
        for (std::size_t c = 0; c < 2; ++c)
            CHECK(dst[2 * p + c] == Approx((small.pixels[p] / 255.0 - 0.5) / 0.5).margin(1e-6));
}

TEST_CASE("Images become the same bits on every ISA") {
    for (const auto& [width, height] : {std::pair{31, 17}, {224, 200}, {1023, 61}, {5, 301}})
        for (const int channels : {1, 3})
            for (const int size : {1, 33, 64}) {
                CAPTURE(width, height, channels, size);
                const Image src = noise_image(width, height, channels, 7);
                TransformOptions o{
                    .image_size = size, .mean = {0.485F, 0.456F, 0.406F}, .std = {0.229F, 0.224F, 0.225F}};
                Augmentation moved;
                moved.crop_x = 0.1F, moved.crop_w = 0.7F, moved.crop_h = 0.9F, moved.angle = 0.1F,
                moved.contrast = 1.2F;
                for (const Augmentation& a : {Augmentation{}, moved}) {
                    std::vector<float> truth;
                    for_each_isa([&] {
                        std::vector<float> dst(static_cast<std::size_t>(size * size * 3));
                        transform_image(src, o, a, dst.data());
                        if (truth.empty()) truth = dst;
                        CHECK(dst == truth);
                    });
                }
            }
}

TEST_CASE("Flip, brightness and contrast follow their formula") {
    const Image src = noise_image(10, 10, 1, 5);
    const TransformOptions options{.image_size = 10, .mean = {0.0F}, .std = {1.0F}};
    std::vector<float> dst(100);
    Augmentation a;
    a.flip = true;
    a.brightness = 1.2F;
    a.contrast = 0.7F;
    transform_image(src, options, a, dst.data());
    double mean = 0;
    for (int v : src.pixels) mean += v / 25500.0;
    for (std::size_t y = 0; y < 10; ++y) {
        for (std::size_t x = 0; x < 10; ++x) {
            const double p = src.pixels[y * 10 + 9 - x] / 255.0;
            CHECK(dst[y * 10 + x] == Approx(std::clamp(0.7 * 1.2 * (p - mean) + 1.2 * mean, 0.0, 1.0)).margin(1e-6));
        }
    }
}

TEST_CASE("The least size of an image is twice what its crop becomes", "[transform]") {
    const TransformOptions options{.image_size = 100};
    const LeastSize whole = least_size(options, {}), part = least_size(options, {.crop_w = 0.5F, .crop_h = 0.3F});
    CHECK((whole.width == 200 && whole.height == 200));
    CHECK((part.width == 400 && part.height == 667));
}

TEST_CASE("Augmentations are functions of seed, epoch and sample, within their ranges") {
    const TransformOptions options{
        .augment = true, .rotate_degrees = 10, .shift = 0.1F, .scale_min = 0.6F, .brightness = 0.2F, .contrast = 0.3F};
    int flips = 0;
    for (std::uint64_t i = 0; i < 400; ++i) {
        const Augmentation a = draw_augmentation(options, 7, 1, i), again = draw_augmentation(options, 7, 1, i);
        CHECK((a.crop_x == again.crop_x && a.angle == again.angle && a.flip == again.flip &&
               a.contrast == again.contrast));
        CHECK(a.angle != draw_augmentation(options, 7, 2, i).angle);
        flips += a.flip;
        CHECK(std::abs(a.angle) <= 0.1746F);
        CHECK(std::max(std::abs(a.shift_x), std::abs(a.shift_y)) <= 0.1F);
        CHECK(std::abs(a.brightness - 1.0F) <= 0.2001F);
        CHECK(std::abs(a.contrast - 1.0F) <= 0.3001F);
        CHECK((a.crop_x >= 0 && a.crop_y >= 0 && a.crop_x + a.crop_w <= 1.00001F && a.crop_y + a.crop_h <= 1.00001F));
        CHECK(a.crop_w * a.crop_h >= 0.5999F);
    }
    CHECK(std::abs(flips - 200) <= 50);  // five standard deviations of 400 fair coins
}

TEST_CASE("Options outside their range are refused") {
    for (const TransformOptions& bad :
         {TransformOptions{.image_size = 0}, TransformOptions{.channels = 0}, TransformOptions{.shift = 1},
          TransformOptions{.scale_min = 0}, TransformOptions{.std = {0}}, TransformOptions{.mean = {}},
          TransformOptions{.rotate_degrees = NAN}, TransformOptions{.mean = {0, 0}}}) {
        CHECK_THROWS_AS(check_transform(bad), UsageError);
    }
}

TEST_CASE("An erased rectangle is noise within the draw's bounds, and the rest is as it was", "[transform]") {
    const Image grey = noise_image(20, 20, 1, 4), color = noise_image(20, 20, 3, 4);
    TransformOptions options{.image_size = 20, .channels = 3, .augment = true, .flip = false, .erase = 1.0F};
    options.mean = {0.5F, 0.25F, 0.125F};
    options.std = {0.25F, 0.5F, 1.0F};
    TransformOptions plain = options;
    plain.erase = 0;
    int erased = 0;
    for (std::uint64_t sample = 0; sample < 50; ++sample) {
        const Augmentation a = draw_augmentation(options, 1, 2, sample);
        if (a.erase_w == 0) continue;  // a hundred rectangles that did not fit
        ++erased;
        CHECK((a.erase_x + a.erase_w <= 1 && a.erase_y + a.erase_h <= 1));
        CHECK((a.erase_w * a.erase_h > 0.0199F && a.erase_w * a.erase_h < 0.4001F));
        CHECK((a.erase_h / a.erase_w > 0.2999F && a.erase_h / a.erase_w < 3.334F));
        for (const Image* image : {&grey, &color}) {
            std::vector<float> with(1200), without(1200);
            transform_image(*image, options, a, with.data());
            transform_image(*image, plain, draw_augmentation(plain, 1, 2, sample), without.data());
            std::size_t inside = 0, changed = 0, gray = 0;
            for (std::size_t y = 0; y < 20; ++y)
                for (std::size_t x = 0; x < 20; ++x) {
                    const float cx = static_cast<float>(x) + 0.5F, cy = static_cast<float>(y) + 0.5F;
                    const bool in = cx > a.erase_x * 20 && cx < (a.erase_x + a.erase_w) * 20 && cy > a.erase_y * 20 &&
                                    cy < (a.erase_y + a.erase_h) * 20;
                    std::array<float, 3> value{};
                    bool other = false;
                    for (std::size_t c = 0; c < 3; ++c) {
                        const std::size_t at = (y * 20 + x) * 3 + c;
                        value[c] = with[at] * options.std[c] + options.mean[c];
                        other = other || with[at] != without[at];
                    }
                    inside += in;
                    changed += other;
                    CHECK((in || !other));
                    if (in) {
                        CHECK((*std::ranges::min_element(value) > -1e-6F && *std::ranges::max_element(value) < 1));
                        gray += std::abs(value[0] - value[1]) < 1e-6F && std::abs(value[0] - value[2]) < 1e-6F;
                    }
                }
            CHECK(changed > inside * 9 / 10);
            CHECK((image == &grey ? gray == inside : gray <= inside / 10));
        }
    }
    CHECK(erased > 45);
    options.erase = 0.25F;
    int chosen = 0;
    for (std::uint64_t sample = 0; sample < 1000; ++sample)
        chosen += draw_augmentation(options, 1, 2, sample).erase_w > 0;
    CHECK((chosen > 180 && chosen < 320));
}

TEST_CASE("Erasing draws after all else, so that the other draws are what they were without it", "[transform]") {
    TransformOptions with{.augment = true, .rotate_degrees = 10, .scale_min = 0.5F, .contrast = 0.2F, .erase = 1.0F};
    TransformOptions without = with;
    without.erase = 0;
    for (std::uint64_t sample = 0; sample < 20; ++sample) {
        const Augmentation a = draw_augmentation(with, 1, 2, sample), b = draw_augmentation(without, 1, 2, sample);
        CHECK((a.crop_x == b.crop_x && a.flip == b.flip && a.angle == b.angle && a.contrast == b.contrast));
        CHECK(b.erase_w == 0);
    }
    with.erase = 1.5F;
    CHECK_THROWS_AS(check_transform(with), UsageError);
    with.erase = 1;
    with.erase_area = 0.01F;
    CHECK_THROWS_AS(check_transform(with), UsageError);
}
