// The statistics of a wide buffer's channels, shared by all views of its front: a dense block's batch norms all see the same mean
// and variance of a slice, so they are computed once, by who makes it or by the first that asks, and the gradient that flows
// through them is taken off once.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace keel {

class ChannelStatistics {
public:
    /// Of a wide buffer, which takes off at the end what batch norms defer.
    ChannelStatistics(std::int64_t channels, DType type);
    /// Of a map whose maker took them along: {channels} each, the variance biased. Nothing can be deferred.
    ChannelStatistics(Tensor mean, Tensor variance);

    bool settles() const { return settles_; }
    /// The channels from `begin` on, if they are the first unknown ones, have these.
    void give(std::int64_t begin, const ChannelStatistics& of_channels);

    /// Makes the first src.channels() channels known; `src` is the front of the buffer, and what was known has not changed since.
    void require(const Tensor& src);
    /// The first `count` of {capacity}, biased; once known.
    Tensor mean(std::int64_t count) const { return mean_.channel_slice(0, count); }
    Tensor variance(std::int64_t count) const { return variance_.channel_slice(0, count); }

    /// A batch norm over the first channels has added scale * dy to their gradient, no more: notes what is to be taken off,
    /// offset + (src - mean) * slope for each channel.
    void defer(std::int64_t channel, double offset, double slope);
    /// The gradient of channels [begin, begin + count) without what was deferred, dense; `src` and `diff_dst` are those channels.
    Tensor settled(std::int64_t begin, const Tensor& src, const Tensor& diff_dst) const;

private:
    Tensor mean_, variance_;
    std::int64_t known_ = 0;
    bool settles_ = true;
    std::vector<double> offset_, slope_;
};

}  // namespace keel
