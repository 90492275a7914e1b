#include "graph/quantize/reading.h"

#include <algorithm>
#include <cmath>

namespace keel {

QuantReading read_plain(const std::vector<QuantParams>& src) {
    QuantReading reading;
    for (const QuantParams& params : src) {
        reading.factor.push_back(params.scale);
        reading.offset.push_back(params.zero);
    }
    return reading;
}

/// relu(g * s * (q - z) + b) = g * s * (max(q, t) - t) for g > 0, with min for g < 0, where t = z - b / (g * s). The
/// clamp is at the value nearest to t; where all values are clamped the offset is the clamp, so that 0 stays 0.
QuantReading read_clamped(const std::vector<QuantParams>& src, const graph::Prologue& affine) {
    QuantReading reading;
    for (std::size_t c = 0; c < src.size(); ++c) {
        const double slope = double{affine.scale[c]} * src[c].scale, b = affine.shift[c];
        double t = slope != 0 ? src[c].zero - b / slope : 0;
        std::uint8_t low = 0, high = 255;
        const auto edge = static_cast<std::uint8_t>(std::nearbyint(std::clamp(t, 0.0, 255.0)));
        (slope > 0 ? low : high) = edge;
        if ((slope > 0 && t >= 255) || (slope < 0 && t <= 0)) t = edge;
        reading.factor.push_back(slope);
        reading.offset.push_back(t);
        reading.prologue.low.push_back(slope != 0 ? low : 0);
        reading.prologue.high.push_back(slope != 0 ? high : 0);
    }
    return reading;
}

QuantReading read_requantized(const std::vector<QuantParams>& src, const graph::Prologue& affine,
                              const std::vector<QuantParams>& dst) {
    QuantReading reading;
    reading.arithmetic = Arithmetic::requantized;
    for (std::size_t c = 0; c < src.size(); ++c) {
        reading.factor.push_back(dst[c].scale);
        reading.offset.push_back(dst[c].zero);
        const double scale = double{affine.scale[c]} * src[c].scale / dst[c].scale;
        reading.prologue.scale.push_back(static_cast<float>(scale));
        reading.prologue.shift.push_back(
            static_cast<float>(dst[c].zero + double{affine.shift[c]} / dst[c].scale - scale * src[c].zero));
    }
    return reading;
}

}  // namespace keel
