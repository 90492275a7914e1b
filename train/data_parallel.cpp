#include "train/data_parallel.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "distributed/collectives/self_test.h"
#include "kernels/error.h"
#include "train/resume_check.h"

namespace keel {

BucketOptions bucket_options(const std::string& allreduce, const std::string& wire, const std::string& overlap,
                             double bucket_mb) {
    BucketOptions options;
    options.bucket_bytes = static_cast<std::int64_t>(bucket_mb * 1e6);
    if (allreduce != "auto") options.algorithm = algorithm_of(allreduce);
    options.wire = wire == "bf16" ? Wire::bf16 : Wire::f32;
    options.overlap = overlap == "on" ? Overlap::on : overlap == "off" ? Overlap::off : Overlap::automatic;
    return options;
}

void StepStatus::request_stop(const StopRequest& request) {
    stop = true;
    stop_code = request.code;
    stop_reason = {};
    std::ranges::copy_n(request.reason.begin(), std::min(std::ssize(request.reason), std::ssize(stop_reason) - 1),
                        stop_reason.begin());
}

std::optional<StopRequest> StepStatus::stop_request() const {
    return stop ? std::optional(StopRequest{stop_code, stop_reason.data()}) : std::nullopt;
}

DataParallel::DataParallel(World& world, const TrainConfig& config, const std::vector<NamedTensor>& parameters,
                           const std::vector<NamedTensor>& buffers)
    : world_(world), independent_(config.sampler == "independent") {
    if (config.reproducible) shards_ = std::make_unique<VirtualShards>(world, config, parameters, buffers);
    if (world.is_single()) return;
    CostModel costs;
    world.call([&](Communicator& communicator) { costs = measure_costs(communicator); });
    BucketOptions options = bucket_options(config.allreduce, config.wire, config.overlap, config.bucket_mb);
    if (config.reproducible) {
        options.algorithm = Algorithm::halving_doubling;  // the one whose sums have a fixed shape
        if (config.virtual_shards > world.size())
            options.overlap = Overlap::off;  // gradients are not yet the sum over the shards
    }
    buckets_ = std::make_unique<GradientBuckets>(world, parameters, costs, options);
    if (config.bn_ranks != 1) statistics_ = std::make_unique<RankStatistics>(world, config.bn_ranks);
}

void DataParallel::begin() {
    if (buckets_) buckets_->begin();
}

void DataParallel::finish() {
    if (!buckets_) return;
    buckets_->finish();
    exposed_ += buckets_->exposed_seconds();
}

std::string DataParallel::take_remark() {
    if (!buckets_ || !buckets_->is_apart() || std::exchange(remarked_, true)) return "";
    return fmt::format(
        "/dev/shm has no room for the {:.0f} MB of gradients that each rank shares with those of its node: they are "
        "summed by messages, which takes longer (docker run --shm-size, Kubernetes: an emptyDir of medium Memory)",
        static_cast<double>(buckets_->plan().elements) * sizeof(float) / 1e6);
}

std::string DataParallel::time_breakdown(double seconds, double input) {
    struct Shares {
        double input, exposed, skew, wire, sums;
    };
    const Traffic now = buckets_ ? buckets_->traffic() : Traffic{};
    const double skew = now.skew - traffic_before_.skew, wire = now.wire - traffic_before_.wire,
                 sums = now.sums - traffic_before_.sums;
    // What of the sums the compute threads waited for, split as the communication thread's time was.
    const double exposed = exposed_ / seconds, busy = std::max(skew + wire + sums, 1e-9);
    Shares mean{};
    for (const Shares& rank : world_.gather(
             Shares{input / seconds, exposed, exposed * skew / busy, exposed * wire / busy, exposed * sums / busy}))
        mean = {mean.input + rank.input, mean.exposed + rank.exposed, mean.skew + rank.skew, mean.wire + rank.wire,
                mean.sums + rank.sums};
    exposed_ = 0;
    traffic_before_ = now;
    const double percent = 100.0 / world_.size();
    return fmt::format(
        "{:.1f} % compute, {:.1f} % waiting for input, {:.1f} % for sums over ranks ({:.1f} skew, {:.1f} wire, {:.1f} "
        "additions)",
        100 - percent * (mean.input + mean.exposed), percent * mean.input, percent * mean.exposed, percent * mean.skew,
        percent * mean.wire, percent * mean.sums);
}

StepStatus DataParallel::reduce_status(const StepStatus& own) const {
    if (world_.is_single()) return own;
    StepStatus all;
    for (const StepStatus& rank : world_.gather(own)) {
        all.loss_sum += rank.loss_sum;
        all.samples += rank.samples;
        all.bad_images += rank.bad_images;
        all.finite = all.finite && rank.finite;
        all.save = all.save || rank.save;
        all.failed = all.failed || rank.failed;
        all.storage_failed = all.storage_failed || rank.storage_failed;
        if (!rank.stop || (all.stop && all.stop_code >= rank.stop_code)) continue;
        all.stop = true;
        all.stop_code = rank.stop_code;
        all.stop_reason = rank.stop_reason;
    }
    return all;
}

void DataParallel::average(const std::vector<NamedTensor>& tensors) const {
    if (world_.is_single()) return;
    std::vector<double> values;
    for (const NamedTensor& buffer : tensors)
        for (const float value : buffer.tensor.values<float>()) values.push_back(double{value});
    world_.call([&](Communicator& communicator) {
        Allreduce(communicator).sum(Algorithm::halving_doubling, std::span(values));
    });
    auto next = values.begin();
    for (const NamedTensor& buffer : tensors)
        for (float& value : buffer.tensor.values<float>()) value = static_cast<float>(*next++ / world_.size());
}

void require_equal(World& world, const std::string& what, const std::string& text) {
    const std::vector<std::string> all = world.gather_texts(text);
    for (std::size_t r = 1; r < all.size(); ++r) {
        if (all[r] == all[0]) continue;
        std::istringstream first(all[0]), other(all[r]);
        for (std::string a, b;;) {
            const bool more_a = static_cast<bool>(std::getline(first, a)),
                       more_b = static_cast<bool>(std::getline(other, b));
            if (!more_a && !more_b) break;
            if (more_a && more_b && a == b) continue;
            throw UsageError(
                fmt::format("[ranks] {}: rank {} has '{}', rank 0 has '{}'; start all ranks with the same command",
                            what, r, more_b ? b : "", more_a ? a : ""));
        }
    }
}

void require_same_weights(World& world, std::int64_t step, const std::vector<NamedTensor>& tensors) {
    if (world.is_single()) return;
    const std::vector<std::string> all = world.gather_texts(hash_of(tensors));
    const auto other = std::ranges::find_if(all, [&](const std::string& hash) { return hash != all[0]; });
    if (other == all.end()) return;
    throw IoError(
        fmt::format("[ranks] after step {} rank {} has other weights than rank 0: a memory or a processor is at fault, "
                    "or the ranks are different builds of Keel; the last checkpoint is from before",
                    step, other - all.begin()));
}

}  // namespace keel
