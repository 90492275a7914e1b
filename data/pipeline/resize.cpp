#include <algorithm>
#include <cmath>

#include "data/pipeline/transform.h"
#include "kernels/image/image.h"

namespace keel {
namespace {

/// The pixels that make one output pixel: src[first .. first + count), weighted by weights[0 .. count).
struct Tap {
    int first, count;
    const float* weights;
};

/// The taps of one axis. Output i is centred at start + (i + 1/2) * scale and sees a triangle of half-width max(scale, 1);
/// pixels outside the picture are left out and the remaining weights sum to 1.
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
            float* weights = weights_.data() + most * static_cast<std::size_t>(i);
            double sum = 0.0;
            for (int j = first; j < last; ++j) sum += weight(j, centre, support);
            for (int j = first; j < last; ++j) weights[j - first] = static_cast<float>(weight(j, centre, support) / sum);
            taps_.push_back({first, last - first, weights});
        }
    }
    const Tap& operator[](int i) const { return taps_[static_cast<std::size_t>(i)]; }

private:
    static double weight(int j, double centre, double support) { return std::max(0.0, 1.0 - std::abs(j + 0.5 - centre) / support); }

    std::vector<float> weights_;
    std::vector<Tap> taps_;
};

}  // namespace

Image resize(const Image& src, const Box& box, int width, int height) {
    const Axis columns(box.x, box.width, src.width, width), rows(box.y, box.height, src.height, height);
    const int channels = src.channels;
    const int first = columns[0].first, last = columns[width - 1].first + columns[width - 1].count;
    std::vector<float> sums(static_cast<std::size_t>(last - first) * static_cast<std::size_t>(channels));
    Image dst(width, height, channels);
    // Rows first: that pass runs along memory, and leaves one row for the gathering pass along x.
    for (int y = 0; y < height; ++y) {
        kernels::blend_rows({std::ssize(sums), static_cast<std::int64_t>(src.row_bytes()), rows[y].count}, rows[y].weights,
                            src.row(rows[y].first) + first * channels, sums.data());
        std::uint8_t* out = dst.row(y);
        for (int x = 0; x < width; ++x) {
            const Tap& tap = columns[x];
            const float* in = sums.data() + (tap.first - first) * channels;
            for (int c = 0; c < channels; ++c) {
                float sum = 0.5F;
                for (int k = 0; k < tap.count; ++k) sum += tap.weights[k] * in[k * channels + c];
                *out++ = static_cast<std::uint8_t>(std::clamp(sum, 0.0F, 255.0F));
            }
        }
    }
    return dst;
}

Image resize(const Image& src, int width, int height) {
    return resize(src, {0.0, 0.0, static_cast<double>(src.width), static_cast<double>(src.height)}, width, height);
}

}  // namespace keel
