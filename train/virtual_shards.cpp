#include "train/virtual_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "distributed/collectives/allreduce.h"
#include "kernels/error.h"
#include "train/data_parallel.h"

namespace keel {
namespace {

std::vector<NamedTensor> trained(const std::vector<NamedTensor>& parameters) {
    std::vector<NamedTensor> all;
    for (const NamedTensor& parameter : parameters)
        if (parameter.tensor.requires_grad()) all.push_back(parameter);
    return all;
}

std::size_t floats(const std::vector<NamedTensor>& tensors) {
    std::size_t sum = 0;
    for (const NamedTensor& entry : tensors) sum += static_cast<std::size_t>(entry.tensor.storage_elements());
    return sum;
}

/// Calls each(parameter, its place) for memory that holds all of them, in their layouts.
template <class Each>
void walk(const std::vector<NamedTensor>& parameters, std::span<float> memory, Each each) {
    auto* place = reinterpret_cast<std::byte*>(memory.data());
    for (const NamedTensor& parameter : parameters) {
        each(parameter.tensor, parameter.tensor.like_at(place, nullptr));
        place += static_cast<std::size_t>(parameter.tensor.storage_elements()) * sizeof(float);
    }
}

/// The number of shards. Throws UsageError where options or ranks do not go with them.
int shards_of(const World& world, const TrainConfig& config) {
    const auto refuse = [](const std::string& what) { throw UsageError("[train] --reproducible " + what); };
    const auto shards = static_cast<unsigned>(config.virtual_shards), ranks = static_cast<unsigned>(world.size());
    if (!std::has_single_bit(shards)) refuse(fmt::format("wants virtual-shards to be a power of two, not {}", shards));
    if (!std::has_single_bit(ranks) || ranks > shards)
        refuse(fmt::format("of {} virtual shards wants a power of two of ranks, {} at most, not {}", shards, shards,
                           ranks));
    if (config.sampler == "independent") refuse("wants sampler sharded or balanced, not independent");
    if (config.allreduce != "auto" && config.allreduce != "halving-doubling")
        refuse("wants allreduce halving-doubling, not " + config.allreduce);
    if (config.wire != "f32") refuse("wants wire f32, not " + config.wire);
    if (config.bn_ranks != 1 || config.ghost_batch != 0)
        refuse("normalizes each virtual shard by itself and wants neither bn-ranks nor ghost-batch");
    return config.virtual_shards;
}

}  // namespace

VirtualShards::VirtualShards(World& world, const TrainConfig& config, const std::vector<NamedTensor>& parameters,
                             std::vector<NamedTensor> statistics)
    : world_(world),
      all_(shards_of(world, config)),
      own_(all_ / world.size()),
      parameters_(trained(parameters)),
      statistics_(std::move(statistics)),
      statistic_sum_(floats(statistics_)) {}

void VirtualShards::reset() {
    taken_ = 0;
    if (gradient_sum_) gradient_sum_->reset();
    statistic_sum_.reset();
}

void VirtualShards::take() {
    auto statistic = statistic_sum_.next().begin();
    for (const NamedTensor& buffer : statistics_)
        statistic = std::ranges::copy(buffer.tensor.values<float>(), statistic).out;
    statistic_sum_.add();
    ++taken_;
    if (own_ == 1) return;  // the gradients are the sum

    if (!gradient_sum_) gradient_sum_.emplace(floats(parameters_));
    const std::span<float> memory = gradient_sum_->next();
    std::ranges::fill(memory, 0.0F);  // parameters that got no gradient, and what pads the layouts
    walk(parameters_, memory, [&](const Tensor& parameter, const Tensor& place) {
        if (parameter.grad()) place.assign(parameter.grad());
        if (taken_ < own_) parameter.set_grad({});
    });
    gradient_sum_->add();
}

void VirtualShards::give_gradients() {
    if (own_ == 1) return;
    walk(parameters_, gradient_sum_->take(), [](const Tensor& parameter, const Tensor& sum) {
        if (parameter.grad()) parameter.grad().assign(sum);
    });
}

void VirtualShards::average_statistics() {
    const std::span<const double> own = statistic_sum_.take();
    std::vector<double> sum(own.begin(), own.end());
    if (!world_.is_single())
        world_.call([&](Communicator& communicator) {
            Allreduce(communicator).sum(Algorithm::halving_doubling, std::span(sum));
        });
    auto next = sum.begin();
    for (const NamedTensor& buffer : statistics_)
        for (float& value : buffer.tensor.values<float>()) value = static_cast<float>(*next++ / all_);
}

Batch shard_of_batch(const Batch& batch, int shard) {
    const auto [begin, end] = std::equal_range(batch.parts.begin(), batch.parts.end(), shard);
    const std::int64_t count = end - begin;
    return count == 0 ? Batch{} : part_of_batch(batch, begin - batch.parts.begin(), count);
}

}  // namespace keel
