#include "train/train_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "data/pipeline/batch_view.h"
#include "data/pipeline/sampler.h"
#include "engine/autograd.h"
#include "engine/gradients.h"
#include "engine/rng_scope.h"
#include "engine/statistics_sync.h"
#include "train/evaluate.h"

namespace keel {
namespace {

void zero_grad(const std::vector<NamedTensor>& trained) {
    for (const NamedTensor& each : trained) each.tensor.set_grad({});
}

/// Images of class 0, and without any label.
Batch black_batch(const ModelSpec& spec, std::int64_t images) {
    const auto n = static_cast<std::size_t>(images);
    Batch batch;
    batch.n = batch.planned = images;
    batch.image_size = static_cast<int>(spec.image_size);
    batch.channels = static_cast<int>(spec.options.channels);
    batch.images.assign(n * static_cast<std::size_t>(spec.image_size * spec.image_size * spec.options.channels), 0.0F);
    batch.labels.assign(n, 0);
    batch.targets.assign(n * static_cast<std::size_t>(spec.options.classes), 0.0F);
    batch.indices.resize(n);
    std::iota(batch.indices.begin(), batch.indices.end(), std::int64_t{0});
    batch.names.resize(n);
    return batch;
}

}  // namespace

TrainStep::TrainStep(const TrainConfig& config, TrainState& train, DataParallel& parallel)
    : config_(config),
      train_(train),
      parallel_(parallel),
      precision_(precision_of(config.precision)),
      buffers_(*train.module) {}

Tensor TrainStep::forward(const Tensor& images) {
    std::optional<nn::ObserverScope> watch;
    if (train_.loss->watches()) watch.emplace([this](const nn::ModuleCall& call) { train_.loss->watch(call); });
    return (*train_.module)(images);
}

double TrainStep::run_micro_batch(const Batch& batch, Position at, bool counts, bool last) {
    const RngScope draws(config_.seed, static_cast<std::uint64_t>(at.epoch), draws_of(batch));
    const StatisticsScope statistics(parallel_.statistics(), counts);
    const PrecisionScope precision(precision_);
    const Tensor loss = (*train_.loss)(forward(view_of_images(batch)), batch);
    const double value = loss.item() * static_cast<double>(batch.n);
    if (parallel_.world().is_single() && !std::isfinite(value)) return value;
    if (last) parallel_.begin();
    // Means over all samples of all ranks: each of them weighs the same, however many a rank has.
    const double weight = counts ? static_cast<double>(batch.n) / static_cast<double>(batch.planned) : 0;
    backward(loss, Tensor::full(loss.dims(), weight, loss.dtype()));
    return counts ? value : 0;
}

void TrainStep::run_dummy(const Batch& like, Position at, bool last) {
    // Statistics that ranks share move on as they do on the others; its own a rank takes from samples alone.
    std::optional<BufferGuard> own;
    if (parallel_.statistics() == nullptr) own.emplace(*train_.module);
    run_micro_batch(dummy_batch(like, train_.spec.options.classes), at, false, last);
    if (own) own->restore();
}

void TrainStep::rehearse(std::int64_t images) {
    buffers_.keep();
    {
        const Batch batch = black_batch(train_.spec, images);
        const RngScope draws(config_.seed, 0, draws_of(batch));
        const StatisticsScope statistics(nullptr, true);
        const PrecisionScope precision(precision_);
        const Tensor loss = (*train_.loss)(forward(view_of_images(batch)), batch);
        backward(loss, Tensor::full(loss.dims(), 1, loss.dtype()));
    }
    zero_grad(train_.trained());
    buffers_.restore();
}

double TrainStep::accumulate_shards(const Batch& batch, Position at) {
    VirtualShards& shards = *parallel_.shards();
    shards.reset();
    double sum = 0;
    for (int shard = shards.begin(); shard < shards.end(); ++shard) {
        const Batch samples = shard_of_batch(batch, shard);
        const bool counts = samples.n > 0, last = shard + 1 == shards.end();
        buffers_.restore();  // no shard sees another's statistics
        sum += run_micro_batch(counts ? samples : dummy_batch(batch, train_.spec.options.classes), at, counts, last);
        if (parallel_.world().is_single() && !std::isfinite(sum)) return sum;
        if (!counts) buffers_.restore();
        shards.take();
    }
    shards.give_gradients();
    parallel_.finish();
    shards.average_statistics();
    return sum;
}

double TrainStep::accumulate_gradients(const Batch& batch, Position at) {
    if (parallel_.shards() != nullptr) return accumulate_shards(batch, at);
    // All ranks take as many micro-batches, for they meet in each.
    const std::int64_t ranks = parallel_.world().size(), most = std::max(batch.n, (batch.planned + ranks - 1) / ranks);
    const std::int64_t size = config_.ghost_batch > 0 ? config_.ghost_batch : most,
                       count = std::max<std::int64_t>(1, (most + size - 1) / size);
    double sum = 0;
    for (std::int64_t k = 0; k < count; ++k) {
        if (parallel_.world().is_single() && !std::isfinite(sum)) return sum;
        const auto [begin, end] = slice_of(batch.n, static_cast<int>(k), static_cast<int>(count));
        const bool counts = end > begin, last = k + 1 == count;
        if (count == 1 && counts)
            sum += run_micro_batch(batch, at, true, last);
        else if (counts)
            sum += run_micro_batch(part_of_batch(batch, begin, end - begin), at, true, last);
        else
            run_dummy(batch, at, last);
    }
    parallel_.finish();
    return sum;
}

std::string TrainStep::apply(const Batch& batch, const StepStatus& status, Position at, double lr) {
    if (!status.finite)
        return fmt::format("the loss is {}",
                           status.loss_sum / static_cast<double>(std::max<std::int64_t>(status.samples, 1)));
    Optimizer& optimizer = *train_.optimizer;
    const auto parameters = optimizer.parameters(), trained = train_.trained();
    if (status.samples > 0 && status.samples != batch.planned)
        scale_gradients(trained, static_cast<double>(batch.planned) / static_cast<double>(status.samples));
    const double norm = config_.clip_norm > 0 ? clip_by_norm(parameters, config_.clip_norm) : gradient_norm(parameters);
    if (!std::isfinite(norm))
        return "the gradient of " + first_non_finite(parameters).value_or("all together") + " is not finite";
    optimizer.step(lr);
    train_.loss->step();
    zero_grad(trained);
    if (train_.ema) train_.ema->update(at.step);
    return "";
}

TrainStep::Result TrainStep::run(const Batch& batch, Position at, double lr,
                                 const std::function<StepStatus()>& own_status) {
    parallel_.world().at(at.step);
    buffers_.keep();
    const double loss_sum = accumulate_gradients(batch, at);
    StepStatus own = own_status();
    own.samples = batch.n;
    own.loss_sum = loss_sum;
    own.finite = std::isfinite(loss_sum);
    Result result{parallel_.reduce_status(own), false, ""};
    if (!result.status.failed) result.fault = apply(batch, result.status, at, lr);
    result.applied = !result.status.failed && result.fault.empty();
    if (result.applied) return result;
    if (!result.status.failed) zero_grad(train_.trained());
    buffers_.restore();
    return result;
}

}  // namespace keel
