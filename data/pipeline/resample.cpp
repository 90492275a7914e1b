#include "data/pipeline/resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/error.h"
#include "kernels/image/image.h"

namespace keel {
namespace {

/// The pixels that make one output pixel: src[first .. first + count), weighted by weights[0 .. count).
template <class Sum>
struct Tap {
    int first, count;
    const Sum* weights;
};

/// The taps of one axis. Output i is centred at start + (i + 1/2) * scale and sees a triangle of half-width max(scale,
/// 1); pixels outside the image are left out and the remaining weights sum to 1.
template <class Sum>
class Axis {
public:
    Axis(double start, double extent, int src_size, int dst_size) {
        const double scale = extent / dst_size, support = std::max(scale, 1.0);
        const auto most = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
        weights_.resize(most * static_cast<std::size_t>(dst_size));
        taps_.reserve(static_cast<std::size_t>(dst_size));
        for (int i = 0; i < dst_size; ++i) {
            const double centre = start + (i + 0.5) * scale;
            // Pixel j spans [j, j + 1]; it counts where its centre is within the support.
            const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
            const int last = std::min(static_cast<int>(centre + support + 0.5), src_size);
            Sum* weights = weights_.data() + most * static_cast<std::size_t>(i);
            double sum = 0.0;
            for (int j = first; j < last; ++j) sum += weight(j, centre, support);
            for (int j = first; j < last; ++j) weights[j - first] = static_cast<Sum>(weight(j, centre, support) / sum);
            taps_.push_back({first, last - first, weights});
        }
    }
    const Tap<Sum>& operator[](int i) const { return taps_[static_cast<std::size_t>(i)]; }

private:
    static double weight(int j, double centre, double support) {
        return std::max(0.0, 1.0 - std::abs(j + 0.5 - centre) / support);
    }

    std::vector<Sum> weights_;
    std::vector<Tap<Sum>> taps_;
};

Box whole(const Image& image) {
    return {0.0, 0.0, static_cast<double>(image.width), static_cast<double>(image.height)};
}

/// What sums of samples are made in. Of 16 bits they are exact to far less than a level of theirs.
template <class Sample>
using SumOf = std::conditional_t<std::is_same_v<Sample, std::uint8_t>, float, double>;

/// Sums over rows as kernels::blend_rows does it for 8 bits, in double.
template <class Sample>
void blend_rows(const kernels::RowBlend& b, const double* weights, const Sample* src, double* dst) {
    std::fill_n(dst, b.n, 0.0);
    for (int k = 0; k < b.count; ++k)
        for (std::int64_t i = 0; i < b.n; ++i) dst[i] += weights[k] * static_cast<double>(src[k * b.ld + i]);
}

void blend_rows(const kernels::RowBlend& b, const float* weights, const std::uint8_t* src, float* dst) {
    kernels::blend_rows(b, weights, src, dst);
}

/// Resamples into row(y) for each y; finish(sum) makes a result of a sum that begins with `start`.
template <class Sample, class Row, class Finish>
void resample(const Image& src, const Box& box, int width, int height, float start, Row row, Finish finish) {
    using Sum = SumOf<Sample>;
    const Axis<Sum> columns(box.x, box.width, src.width, width), rows(box.y, box.height, src.height, height);
    const int channels = src.channels;
    const int first = columns[0].first, last = columns[width - 1].first + columns[width - 1].count;
    std::vector<Sum> sums(static_cast<std::size_t>(last - first) * static_cast<std::size_t>(channels));
    const auto ld = static_cast<std::int64_t>(src.row_samples());
    // Rows first: that pass runs along memory, and leaves one row for the gathering pass along x.
    for (int y = 0; y < height; ++y) {
        const auto* in_rows = reinterpret_cast<const Sample*>(src.row(rows[y].first)) + first * channels;
        blend_rows({std::ssize(sums), ld, rows[y].count}, rows[y].weights, in_rows, sums.data());
        auto* out = row(y);
        for (int x = 0; x < width; ++x) {
            const Tap<Sum>& tap = columns[x];
            const Sum* in = sums.data() + (tap.first - first) * channels;
            for (int c = 0; c < channels; ++c) {
                Sum sum = start;
                for (int k = 0; k < tap.count; ++k) sum += tap.weights[k] * in[k * channels + c];
                *out++ = finish(sum);
            }
        }
    }
}

/// The samples of an image, for a loop that looks into many rows.
template <class Sample>
struct Samples {
    const Sample* first;
    std::ptrdiff_t ld;  ///< between two rows
    int width, height, channels;
};

/// Returns src at (x, y) + (wx, wy), 0 outside the image.
template <class Sample>
float bilinear(const Samples<Sample>& src, int x, int y, float wx, float wy, int c) {
    const auto at = [&](int i, int j) {
        const bool inside = i >= 0 && j >= 0 && i < src.width && j < src.height;
        return inside ? static_cast<float>(src.first[j * src.ld + i * src.channels + c]) : 0.0F;
    };
    const float top = at(x, y) + wx * (at(x + 1, y) - at(x, y));
    const float bottom = at(x, y + 1) + wx * (at(x + 1, y + 1) - at(x, y + 1));
    return top + wy * (bottom - top);
}

/// Coordinates in 2^-kFraction pixel: floor and fraction become a shift and a mask, which baseline x86-64 has no float
/// instruction for.
template <int kFraction, class Map, class Finish>
Map warped(const Map& src, float angle, float shift_x, float shift_y, Finish finish) {
    Map dst(src.width, src.height, src.channels);
    using Sample = std::remove_cvref_t<decltype(*src.row(0))>;
    const Samples<Sample> samples{src.row(0), static_cast<std::ptrdiff_t>(src.row_samples()), src.width, src.height,
                                  src.channels};
    constexpr auto kOne = static_cast<double>(std::int64_t{1} << kFraction);
    constexpr std::int64_t kMask = (std::int64_t{1} << kFraction) - 1;
    constexpr auto kStep = static_cast<float>(1.0 / kOne);
    const double cosine = std::cos(static_cast<double>(angle)), sine = std::sin(static_cast<double>(angle));
    const double cx = 0.5 * (src.width - 1), cy = 0.5 * (src.height - 1);
    const auto step_x = static_cast<std::int64_t>(std::llround(cosine * kOne)),
               step_y = static_cast<std::int64_t>(std::llround(-sine * kOne));
    for (int y = 0; y < dst.height; ++y) {
        const double u = -cx - static_cast<double>(shift_x), v = y - cy - static_cast<double>(shift_y);
        std::int64_t sx = std::llround((cosine * u + sine * v + cx) * kOne),
                     sy = std::llround((cosine * v - sine * u + cy) * kOne);
        auto* out = dst.row(y);
        for (int x = 0; x < dst.width; ++x, sx += step_x, sy += step_y) {
            const float wx = static_cast<float>(sx & kMask) * kStep, wy = static_cast<float>(sy & kMask) * kStep;
            for (int c = 0; c < src.channels; ++c)
                *out++ = finish(
                    bilinear(samples, static_cast<int>(sx >> kFraction), static_cast<int>(sy >> kFraction), wx, wy, c));
        }
    }
    return dst;
}

}  // namespace

FloatImage floats_of(const Image& image) {
    FloatImage dst(image.width, image.height, image.channels);
    if (image.bits == 32) {
        std::copy_n(image.row_f(0), dst.values.size(), dst.values.begin());
        return dst;
    }
    const std::uint16_t* src = image.row16(0);
    std::transform(src, src + dst.values.size(), dst.values.begin(),
                   [](std::uint16_t v) { return static_cast<float>(v) / 65535.0F; });
    return dst;
}

Image image_of(const FloatImage& floats) {
    Image image(floats.width, floats.height, floats.channels, 32);
    std::ranges::copy(floats.values, image.row_f(0));
    return image;
}

Image resize(const Image& src, const Box& box, int width, int height) {
    if (src.bits == 32) return image_of(resize_to_floats(src, box, width, height));
    Image dst(width, height, src.channels, src.bits);
    if (src.bits == 16)
        resample<std::uint16_t>(
            src, box, width, height, 0.5F, [&](int y) { return dst.row16(y); },
            [](double sum) { return static_cast<std::uint16_t>(std::clamp(sum, 0.0, 65535.0)); });
    else
        resample<std::uint8_t>(
            src, box, width, height, 0.5F, [&](int y) { return dst.row(y); },
            [](float sum) { return static_cast<std::uint8_t>(std::clamp(sum, 0.0F, 255.0F)); });
    return dst;
}

Image resize(const Image& src, int width, int height) { return resize(src, whole(src), width, height); }

FloatImage resize_to_floats(const Image& src, const Box& box, int width, int height) {
    FloatImage dst(width, height, src.channels);
    const auto row = [&](int y) { return dst.row(y); };
    if (src.bits == 32)
        resample<float>(src, box, width, height, 0.0F, row, [](double sum) { return static_cast<float>(sum); });
    else
        resample<std::uint16_t>(src, box, width, height, 0.0F, row,
                                [](double sum) { return static_cast<float>(sum / 65535.0); });
    return dst;
}

Image warp(const Image& src, float angle, float shift_x, float shift_y) {
    require<UsageError>(src.bits == 8, "[transform] an image of more than 8 bits is warped as floats");
    return warped<16>(src, angle, shift_x, shift_y, [](float v) { return static_cast<std::uint8_t>(v + 0.5F); });
}

FloatImage warp(const FloatImage& src, float angle, float shift_x, float shift_y) {
    return warped<32>(src, angle, shift_x, shift_y, [](float v) { return v; });
}

}  // namespace keel
