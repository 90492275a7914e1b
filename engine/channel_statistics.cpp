#include "engine/channel_statistics.h"

#include <algorithm>
#include <utility>

#include "kernels/batch_norm/batch_norm.h"

namespace keel {

using kernels::Param;

ChannelStatistics::ChannelStatistics(std::int64_t channels, DType type)
    : mean_(Tensor::empty({channels}, param_type(type))),
      variance_(Tensor::empty({channels}, param_type(type))),
      offset_(static_cast<std::size_t>(channels)),
      slope_(static_cast<std::size_t>(channels)) {}

ChannelStatistics::ChannelStatistics(std::int64_t rows, Tensor mean, Tensor variance)
    : mean_(std::move(mean)), variance_(std::move(variance)), known_(mean_.elements()), settles_(false) {
    synchronize(rows, 0, known_);
}

/// Sums of values and squares, in double: a mean a thousand deviations from zero costs six of its sixteen digits.
void ChannelStatistics::synchronize(std::int64_t rows, std::int64_t begin, std::int64_t count) {
    rows_ = static_cast<double>(rows);
    if (setting_.sync == nullptr) return;
    dispatch_float("batch_norm", mean_.dtype(), [&]<class T>(T) {
        T* const mean = mean_.data<T>() + begin;
        T* const variance = variance_.data<T>() + begin;
        const auto c = static_cast<std::size_t>(count);
        std::vector<double> sums(2 * c + 1);
        if (setting_.counts) {
            sums[2 * c] = rows_;
            for (std::size_t i = 0; i < c; ++i) {
                sums[i] = rows_ * double{mean[i]};
                sums[c + i] = rows_ * (double{variance[i]} + double{mean[i]} * double{mean[i]});
            }
        }
        setting_.sync->sum(sums);
        rows_ = sums[2 * c];
        for (std::size_t i = 0; i < c; ++i) {
            const double m = sums[i] / rows_;
            mean[i] = static_cast<T>(m);
            variance[i] = static_cast<T>(std::max(0.0, sums[c + i] / rows_ - m * m));
        }
    });
}

void ChannelStatistics::sum_corrections(const StatisticsScope::Setting& setting, std::span<double> values) {
    if (setting.sync == nullptr) return;
    setting.sync->sum(values);
    if (!setting.counts) std::ranges::fill(values, 0.0);
}

void ChannelStatistics::give(std::int64_t begin, const ChannelStatistics& of_channels) {
    if (begin != known_) return;
    const std::int64_t count = of_channels.known_;
    mean_.channel_slice(begin, count).assign(of_channels.mean(count));
    variance_.channel_slice(begin, count).assign(of_channels.variance(count));
    known_ += count;
    rows_ = of_channels.rows_;
}

void ChannelStatistics::require(const Tensor& src) {
    const std::int64_t fresh = src.channels() - known_;
    if (fresh <= 0) return;
    dispatch_map("batch_norm", src.dtype(), [&]<class T>(T) {
        kernels::batch_norm_statistics(src.rows(), fresh, src.ld(), src.data<T>() + known_,
                                       mean_.data<Param<T>>() + known_, variance_.data<Param<T>>() + known_);
    });
    synchronize(src.rows(), known_, fresh);
    known_ = src.channels();
}

void ChannelStatistics::defer(std::int64_t channel, double offset, double slope) {
    offset_[static_cast<std::size_t>(channel)] += offset;
    slope_[static_cast<std::size_t>(channel)] += slope;
}

Tensor ChannelStatistics::settled(std::int64_t begin, const Tensor& src, const Tensor& diff_dst) const {
    const std::int64_t count = src.channels();
    if (known_ < begin + count)
        return diff_dst.clone();  // no batch norm has normalized these with their own statistics
    Tensor diff_src = Tensor::empty(src.dims(), src.dtype());
    std::vector<double> corrections(offset_.begin() + begin, offset_.begin() + begin + count);
    corrections.insert(corrections.end(), slope_.begin() + begin, slope_.begin() + begin + count);
    sum_corrections(setting_, corrections);
    dispatch_map("batch_norm", src.dtype(), [&]<class T>(T) {
        const std::vector<Param<T>> offset(corrections.begin(), corrections.begin() + count);
        const std::vector<Param<T>> slope(corrections.begin() + count, corrections.end());
        kernels::batch_norm_correct({src.rows(), count, src.ld(), diff_dst.ld(), diff_src.ld(), false},
                                    mean_.data<Param<T>>() + begin, offset.data(), slope.data(), src.data<T>(),
                                    diff_dst.data<T>(), diff_src.data<T>());
    });
    return diff_src;
}

}  // namespace keel
