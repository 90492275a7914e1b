// Where the values of an activation lie, gathered batch by batch in one pass, and the range that quantized values
// should cover.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace keel {

/// Counts of values in bins whose width is a power of two; it doubles, and bins join in pairs, when a value lies beyond
/// them. So the result does not depend on the order in which values come.
class Histogram {
public:
    static constexpr int kHalf = 1024;  ///< bins on each side of 0

    /// Adds `count` values, `step` apart. Throws InputError for one that is not finite.
    void add(const float* values, std::int64_t count, std::int64_t step = 1);

    std::int64_t count() const { return count_; }
    float low() const { return low_; }  ///< the smallest value; 0 of none
    float high() const { return high_; }
    double width() const { return width_; }
    /// Bin i holds the values of [i - kHalf, i - kHalf + 1) * width().
    const std::vector<std::uint32_t>& bins() const { return bins_; }

private:
    void widen(float low, float high);

    std::int64_t count_ = 0;
    float low_ = 0, high_ = 0;
    double width_ = 0;
    std::vector<std::uint32_t> bins_;
};

/// How a range is made of a histogram: all values; all but one in 10,000; the range of the least mean squared error; of
/// the least Kullback-Leibler divergence of what 256 values make of the distribution (Migacz, 8-bit inference with
/// TensorRT, 2017).
enum class RangeMethod : std::uint8_t { minmax, percentile, mse, kl };
inline constexpr RangeMethod kRangeMethods[] = {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::mse,
                                                RangeMethod::kl};
std::string_view name(RangeMethod method);
std::optional<RangeMethod> range_method_named(std::string_view text);

/// The byte q stands for scale * (q - zero).
struct QuantParams {
    float scale = 1;
    std::uint8_t zero = 0;
    bool operator==(const QuantParams&) const = default;
};

/// Returns the parameters that cover the range, 0 included.
QuantParams quant_params(float low, float high);
QuantParams quant_params(const Histogram& histogram, RangeMethod method);

}  // namespace keel
