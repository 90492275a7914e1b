#include "engine/channel_statistics.h"

#include <utility>

#include "kernels/batch_norm/batch_norm.h"

namespace keel {

ChannelStatistics::ChannelStatistics(std::int64_t channels, DType type)
    : mean_(Tensor::empty({channels}, type)),
      variance_(Tensor::empty({channels}, type)),
      offset_(static_cast<std::size_t>(channels)),
      slope_(static_cast<std::size_t>(channels)) {}

ChannelStatistics::ChannelStatistics(Tensor mean, Tensor variance)
    : mean_(std::move(mean)), variance_(std::move(variance)), known_(mean_.elements()), settles_(false) {}

void ChannelStatistics::give(std::int64_t begin, const ChannelStatistics& of_channels) {
    if (begin != known_) return;
    const std::int64_t count = of_channels.known_;
    mean_.channel_slice(begin, count).assign(of_channels.mean(count));
    variance_.channel_slice(begin, count).assign(of_channels.variance(count));
    known_ += count;
}

void ChannelStatistics::require(const Tensor& src) {
    const std::int64_t fresh = src.channels() - known_;
    if (fresh <= 0) return;
    dispatch_float("batch_norm", src.dtype(), [&]<class T>(T) {
        kernels::batch_norm_statistics(src.rows(), fresh, src.ld(), src.data<T>() + known_, mean_.data<T>() + known_,
                                       variance_.data<T>() + known_);
    });
    known_ = src.channels();
}

void ChannelStatistics::defer(std::int64_t channel, double offset, double slope) {
    offset_[static_cast<std::size_t>(channel)] += offset;
    slope_[static_cast<std::size_t>(channel)] += slope;
}

Tensor ChannelStatistics::settled(std::int64_t begin, const Tensor& src, const Tensor& diff_dst) const {
    const std::int64_t count = src.channels();
    if (known_ < begin + count) return diff_dst.clone();  // no batch norm has normalised these with their own statistics
    Tensor diff_src = Tensor::empty(src.dims(), src.dtype());
    dispatch_float("batch_norm", src.dtype(), [&]<class T>(T) {
        const std::vector<T> offset(offset_.begin() + begin, offset_.begin() + begin + count);
        const std::vector<T> slope(slope_.begin() + begin, slope_.begin() + begin + count);
        kernels::batch_norm_correct({src.rows(), count, src.ld(), diff_dst.ld(), diff_src.ld(), false}, mean_.data<T>() + begin,
                                    offset.data(), slope.data(), src.data<T>(), diff_dst.data<T>(), diff_src.data<T>());
    });
    return diff_src;
}

}  // namespace keel
