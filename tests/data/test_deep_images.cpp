// Images of 16 bits, in any number of channels, against references in double.
#include <cmath>
#include <cstring>

#include "data/pipeline/transform.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

/// An image of doubles in [0, 1].
struct Reference {
    int width, height, channels;
    std::vector<double> values;
    double at(int x, int y, int c) const {
        if (x < 0 || y < 0 || x >= width || y >= height) return 0;
        return values[static_cast<std::size_t>((y * width + x) * channels + c)];
    }
};

Reference reference_of(const Image& image) {
    Reference result{image.width, image.height, image.channels, {}};
    for (std::size_t i = 0; i < image.samples(); ++i) result.values.push_back(image.row16(0)[i] / 65535.0);
    return result;
}

/// The triangle filter as its definition, two dimensions at once.
Reference resized(const Reference& src, const Box& box, int width, int height) {
    const auto weight = [](int j, double centre, double support) {
        return std::max(0.0, 1.0 - std::abs(j + 0.5 - centre) / support);
    };
    const double sx = box.width / width, sy = box.height / height, ux = std::max(sx, 1.0), uy = std::max(sy, 1.0);
    Reference dst{width, height, src.channels, {}};
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < src.channels; ++c) {
                double sum = 0, weights = 0;
                for (int j = 0; j < src.height; ++j)
                    for (int i = 0; i < src.width; ++i) {
                        const double w = weight(i, box.x + (x + 0.5) * sx, ux) * weight(j, box.y + (y + 0.5) * sy, uy);
                        sum += w * src.at(i, j, c);
                        weights += w;
                    }
                dst.values.push_back(sum / weights);
            }
    return dst;
}

Reference warped(const Reference& src, double angle, double shift_x, double shift_y) {
    Reference dst{src.width, src.height, src.channels, {}};
    const double cx = 0.5 * (src.width - 1), cy = 0.5 * (src.height - 1);
    for (int y = 0; y < src.height; ++y)
        for (int x = 0; x < src.width; ++x) {
            const double u = x - cx - shift_x, v = y - cy - shift_y;
            const double sx = std::cos(angle) * u + std::sin(angle) * v + cx,
                         sy = std::cos(angle) * v - std::sin(angle) * u + cy;
            const int ix = static_cast<int>(std::floor(sx)), iy = static_cast<int>(std::floor(sy));
            for (int c = 0; c < src.channels; ++c) {
                const double top = std::lerp(src.at(ix, iy, c), src.at(ix + 1, iy, c), sx - ix);
                const double bottom = std::lerp(src.at(ix, iy + 1, c), src.at(ix + 1, iy + 1, c), sx - ix);
                dst.values.push_back(std::lerp(top, bottom, sy - iy));
            }
        }
    return dst;
}

template <class Values>
double worst(const Values& found, const std::vector<double>& want) {
    REQUIRE(found.size() == want.size());
    double most = 0;
    for (std::size_t i = 0; i < want.size(); ++i)
        most = std::max(most, std::abs(static_cast<double>(found[i]) - want[i]));
    return most;
}

constexpr double kRounding = 0x1p-24;  // of a float in [1/2, 1], to the nearest

}  // namespace

TEST_CASE("An image of 16 bits is resized without a detour over 8", "[deep]") {
    for (const int channels : {1, 3, 5}) {
        const Image src = deep_noise(29, 22, channels, 1);
        for (const auto& [width, height] : {std::pair{29, 22}, {20, 16}, {40, 33}, {29, 11}}) {
            const Box box{1.25, 0.5, 25.5, 20.25};
            const auto want = resized(reference_of(src), box, width, height).values;
            // Two passes of at most five products: a weight, a product and a sum are rounded for each, and the
            // quotient.
            CHECK(worst(resize_to_floats(src, box, width, height).values, want) <= 2 * (5 + 2) * kRounding);
            const Image rounded = resize(src, box, width, height);
            REQUIRE(rounded.bits == 16);
            std::vector<double> values;
            for (std::size_t i = 0; i < rounded.samples(); ++i) values.push_back(rounded.row16(0)[i] / 65535.0);
            CHECK(worst(values, want) <= 0.5 / 65535 + 1e-6);
        }
        CHECK(resize(src, 29, 22).pixels == src.pixels);
    }
}

TEST_CASE("An image of 16 bits is warped at exact coordinates", "[deep]") {
    const Image src = deep_noise(24, 18, 3, 2);
    const FloatImage floats = floats_of(src);
    CHECK(worst(floats.values, reference_of(src).values) <= kRounding);
    for (const auto& [angle, dx, dy] : {std::tuple{0.0F, 0.0F, 0.0F}, {0.3F, 1.25F, -0.5F}, {-2.0F, -3.5F, 4.125F}}) {
        const auto want = warped(reference_of(src), angle, dx, dy).values;
        // Coordinates are kept to 2^-32 over 24 steps; three interpolations of three roundings each.
        CHECK(worst(warp(floats, angle, dx, dy).values, want) <= 1e-6);
    }
    CHECK_THROWS_AS(warp(src, 0.1F, 0.0F, 0.0F), UsageError);
}

TEST_CASE("The whole transform of an image of 16 bits agrees with its formula in double", "[deep]") {
    const Image src = deep_noise(40, 30, 1, 3);
    const TransformOptions options{.image_size = 24, .channels = 3, .mean = {0}, .std = {1}};
    Augmentation a;
    a.crop_x = 0.125F, a.crop_y = 0.25F, a.crop_w = 0.75F, a.crop_h = 0.5F;
    a.flip = true;
    a.angle = 0.2F;
    a.shift_x = 0.0625F;
    a.brightness = 1.125F;
    a.contrast = 0.75F;
    const Reference map = warped(resized(reference_of(src), {5, 7.5, 30, 15}, 24, 24), a.angle, 1.5, 0);
    double mean = 0;
    for (const double v : map.values) mean += v / 576;
    std::vector<double> want;
    for (int y = 0; y < 24; ++y)
        for (int x = 0; x < 24; ++x)
            for (int c = 0; c < 3; ++c)
                want.push_back(std::clamp(0.75 * 1.125 * (map.at(23 - x, y, 0) - mean) + 1.125 * mean, 0.0, 1.0));
    std::vector<float> found(want.size());
    transform_image(src, options, a, found.data());
    CHECK(worst(found, want) <= 1e-6);
    // In steps of 8 bits it would be no nearer than this.
    transform_image(to_8_bits(src), options, a, found.data());
    CHECK(worst(found, want) > 1e-3);
}

TEST_CASE("Images of 16 bits and many channels are normalized sample by sample", "[deep]") {
    const Image src = deep_noise(8, 8, 7, 4);
    const TransformOptions options{
        .image_size = 8, .channels = 7, .mean = {0, 0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F}, .std = {1, 1, 1, 1, 1, 1, 2}};
    std::vector<float> found(8 * 8 * 7);
    transform_image(src, options, {}, found.data());
    std::vector<double> want;
    for (std::size_t i = 0; i < src.samples(); ++i)
        want.push_back((src.row16(0)[i] / 65535.0 - static_cast<double>(options.mean[i % 7])) /
                       static_cast<double>(options.std[i % 7]));
    CHECK(worst(found, want) <= 4 * kRounding);
    // The same values in 8 bits, which are exact in 16 (257 each), come to the same.
    const Image shallow = noise_image(8, 8, 7, 5);
    Image widened(8, 8, 7, 16);
    for (std::size_t i = 0; i < shallow.samples(); ++i)
        widened.row16(0)[i] = static_cast<std::uint16_t>(257 * shallow.pixels[i]);
    std::vector<float> other(found.size());
    transform_image(shallow, options, {}, found.data());
    transform_image(widened, options, {}, other.data());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(other[i]).margin(4 * kRounding));
    CHECK(to_8_bits(widened).pixels == shallow.pixels);
}

TEST_CASE("Channels of 16 bits are converted in 16 bits", "[deep]") {
    const Image rgb = deep_noise(6, 5, 3, 6), grey = convert_channels(rgb, 1, "x"),
                back = convert_channels(grey, 3, "x");
    REQUIRE((grey.bits == 16 && grey.channels == 1 && back.bits == 16 && back.channels == 3));
    for (std::size_t p = 0; p < 30; ++p) {
        const std::uint16_t* v = rgb.row16(0) + 3 * p;
        CHECK(std::abs(grey.row16(0)[p] - (0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2])) <= 0.5 + 1e-9);
        for (std::size_t c = 0; c < 3; ++c) CHECK(back.row16(0)[3 * p + c] == grey.row16(0)[p]);
    }
    CHECK_THROWS_AS(convert_channels(deep_noise(4, 4, 5, 7), 1, "x"), InputError);
}

TEST_CASE("What wants 8 bits says so, or makes them", "[deep]") {
    Image deep = deep_noise(4, 4, 3, 8);
    CHECK_THROWS_AS(encode_png(deep), UsageError);
    CHECK_THROWS_AS(keel::encode_jpeg(deep, 90), UsageError);
}
