// The statistics of a wide buffer's channels, shared by all views of its front: a dense block's batch norms all see the
// same mean and variance of a slice, so they are computed once, by who makes it or by the first that asks, and the
// gradient that flows through them is taken off once.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/statistics_sync.h"
#include "engine/tensor.h"

namespace keel {

class ChannelStatistics {
public:
    /// Statistics of a wide buffer of maps of `type`, which takes off at the end what batch norms defer.
    ChannelStatistics(std::int64_t channels, DType type);
    /// Statistics of a map whose maker took them along over its `rows`: {channels} each, the variance biased. Nothing
    /// can be deferred.
    ChannelStatistics(std::int64_t rows, Tensor mean, Tensor variance);

    bool settles() const { return settles_; }
    /// How many the statistics are of: those of all ranks, where batch norms are synchronized.
    double rows() const { return rows_; }
    /// The channels from `begin` on, if they are the first unknown ones, have these.
    void give(std::int64_t begin, const ChannelStatistics& of_channels);

    /// Makes the first src.channels() channels known; `src` is the front of the buffer, and what was known has not
    /// changed since.
    void require(const Tensor& src);
    /// The first `count` of {capacity}, biased; once known.
    Tensor mean(std::int64_t count) const { return mean_.channel_slice(0, count); }
    Tensor variance(std::int64_t count) const { return variance_.channel_slice(0, count); }

    /// A batch norm over the first channels has added scale * dy to their gradient, no more: notes what is to be taken
    /// off, offset + (src - mean) * slope for each channel.
    void defer(std::int64_t channel, double offset, double slope);
    /// The gradient of channels [begin, begin + count) without what was deferred, dense; `src` and `diff_dst` are those
    /// channels.
    Tensor settled(std::int64_t begin, const Tensor& src, const Tensor& diff_dst) const;

    /// Sums what this rank's rows lack in their gradients over the ranks, if batch norms are synchronized: values[i]
    /// per channel, two rows of `channels`, offsets and slopes.
    static void sum_corrections(const StatisticsScope::Setting& setting, std::span<double> values);

private:
    void synchronize(std::int64_t rows, std::int64_t begin, std::int64_t count);

    Tensor mean_, variance_;
    double rows_ = 0;
    StatisticsScope::Setting setting_ = StatisticsScope::current();
    std::int64_t known_ = 0;
    bool settles_ = true;
    std::vector<double> offset_, slope_;
};

}  // namespace keel
