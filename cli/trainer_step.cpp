// Trainer's inner loop: a step on this rank, and what all ranks make of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cli/signals.h"
#include "cli/trainer.h"
#include "data/pipeline/sampler.h"
#include "engine/autograd.h"
#include "engine/draws.h"
#include "engine/gradients.h"
#include "engine/statistics_sync.h"
#include "kernels/profile.h"

namespace keel::cli {

bool Trainer::is_out_of_time() const {
    // Another step, and twice the time of a save: a disk is slower when many runs save at the end of their time.
    return limit_.is_over(longest_step_ + 2 * save_seconds_);
}

std::optional<Trainer::Stop> Trainer::stop_of(const StepStatus& status) {
    if (status.stop_signal != 0) return Stop{fmt::format("signal {}", status.stop_signal), exit_code_of(status.stop_signal)};
    if (status.out_of_time) return Stop{"its time limit", kStoppedResumable};
    return std::nullopt;
}

StepStatus Trainer::own_status() const {
    StepStatus own;
    own.bad_images = bad_images_;
    own.stop_signal = stop_signal();
    own.out_of_time = is_out_of_time();
    own.save =
        parallel_.world().first() && config_.checkpoint_minutes > 0 && seconds_since(saved_at_) > 60 * config_.checkpoint_minutes;
    own.failed = !data_error_.empty();
    return own;
}

double Trainer::run_piece(const Batch& piece, bool counts, bool last) {
    const DrawScope draws(config_.seed, static_cast<std::uint64_t>(state_.epoch), piece.indices);
    const StatisticsScope statistics(parallel_.statistics(), counts);
    const Tensor loss =
        loss_of(learner_.spec, (*learner_.module)(images_of(piece)), piece, config_.label_smoothing, learner_.positive_weights);
    const double value = loss.item() * static_cast<double>(piece.n);
    if (parallel_.world().alone() && !std::isfinite(value)) return value;
    if (last) parallel_.begin();
    // Means over all samples of all ranks: each of them weighs the same, however many a rank has.
    const double weight = counts ? static_cast<double>(piece.n) / static_cast<double>(piece.planned) : 0;
    backward(loss, Tensor::full(loss.dims(), weight, loss.dtype()));
    return counts ? value : 0;
}

double Trainer::accumulate_shards(const Batch& batch) {
    VirtualShards& shards = *parallel_.shards();
    shards.reset();
    double sum = 0;
    for (int shard = shards.begin(); shard < shards.end(); ++shard) {
        const Batch samples = shard_of_batch(batch, shard);
        const bool counts = samples.n > 0;
        buffers_.restore();  // no shard sees another's statistics
        sum += run_piece(counts ? samples : dummy_batch(batch, learner_.spec.options.classes), counts, shard + 1 == shards.end());
        if (parallel_.world().alone() && !std::isfinite(sum)) return sum;
        if (!counts) buffers_.restore();
        shards.take();
    }
    shards.give_gradients();
    parallel_.finish();
    shards.average_statistics();
    return sum;
}

double Trainer::accumulate_gradients(const Batch& batch) {
    if (parallel_.shards() != nullptr) return accumulate_shards(batch);
    // All ranks take as many pieces, for they meet in each.
    const std::int64_t ranks = parallel_.world().size(), most = std::max(batch.n, (batch.planned + ranks - 1) / ranks);
    const std::int64_t size = config_.ghost_batch > 0 ? config_.ghost_batch : most,
                       pieces = std::max<std::int64_t>(1, (most + size - 1) / size);
    double sum = 0;
    for (std::int64_t k = 0; k < pieces; ++k) {
        if (parallel_.world().alone() && !std::isfinite(sum)) return sum;
        const auto [begin, end] = slice_of(batch.n, static_cast<int>(k), static_cast<int>(pieces));
        const bool counts = end > begin, last = k + 1 == pieces;
        if (pieces == 1 && counts)
            sum += run_piece(batch, true, last);
        else if (counts)
            sum += run_piece(part_of_batch(batch, begin, end - begin), true, last);
        else
            run_piece(dummy_batch(batch, learner_.spec.options.classes), false, last);
    }
    parallel_.finish();
    return sum;
}

void Trainer::train_step(const Batch& batch) {
    parallel_.world().at(state_.step);
    buffers_.keep();
    const double loss_sum = accumulate_gradients(batch);
    longest_step_ = std::max(longest_step_, seconds_since(step_start_));
    StepStatus own = own_status();
    own.samples = batch.n;
    own.loss_sum = loss_sum;
    own.finite = std::isfinite(own.loss_sum);
    if (batch.n == 0 && parallel_.statistics() == nullptr && parallel_.shards() == nullptr) buffers_.restore();
    agreed_ = parallel_.agree(own);
    if (agreed_.failed) return buffers_.restore();
    if (!agreed_.finite)
        return skip_step(batch, fmt::format("the loss is {}",
                                            agreed_.loss_sum / static_cast<double>(std::max<std::int64_t>(agreed_.samples, 1))));
    Optimizer& optimizer = *learner_.optimizer;
    const auto parameters = optimizer.parameters();
    if (agreed_.samples > 0 && agreed_.samples != batch.planned)
        scale_gradients(parameters, static_cast<double>(batch.planned) / static_cast<double>(agreed_.samples));
    const double norm = config_.clip_norm > 0 ? clip_by_norm(parameters, config_.clip_norm) : gradient_norm(parameters);
    if (!std::isfinite(norm))
        return skip_step(batch, "the gradient of " + first_non_finite(parameters).value_or("all together") + " is not finite");
    optimizer.step(current_lr());
    optimizer.zero_grad();
    if (learner_.ema) learner_.ema->update(state_.step);
    tally_.divergent = 0;
    tally_.loss_sum += agreed_.loss_sum;
    tally_.loss_samples += agreed_.samples;
}

void Trainer::stop_without_data() {
    const std::vector<std::string> reasons = parallel_.world().gather_texts(data_error_);
    for (std::size_t r = 0; r < reasons.size(); ++r)
        if (!reasons[r].empty()) throw InputError(fmt::format("[train] rank {} has no more data: {}", r, reasons[r]));
}

bool Trainer::next_batch(Loader& loader, Batch& batch) {
    const profile::Span span("wait for input");
    if (parallel_.world().alone()) return loader.next(batch);
    try {
        return loader.next(batch);
    } catch (const InputError& error) {
        data_error_ = error.what();
        batch.n = 0;
        batch.image_size = static_cast<int>(learner_.spec.image_size);
        batch.channels = static_cast<int>(learner_.spec.options.channels);
        batch.planned = config_.batch_size * parallel_.world().size();
        return true;
    }
}

void Trainer::skip_step(const Batch& batch, const std::string& what) {
    learner_.optimizer->zero_grad();
    buffers_.restore();
    ++tally_.divergent;
    std::vector<std::string> samples;
    for (const std::string& names : parallel_.world().gather_texts(fmt::format("{}", fmt::join(batch.names, "\n")))) {
        std::istringstream lines(names);
        for (std::string name; std::getline(lines, name);) samples.push_back(name);
    }
    if (parallel_.world().first())
        directory_.log().warn("step {} was not applied: {}; its samples: {}", state_.step + 1, what, fmt::join(samples, ", "));
    directory_.record_divergence(
        {{"epoch", state_.epoch + 1}, {"step", state_.step + 1}, {"what", what}, {"lr", current_lr()}, {"samples", samples}});
    if (tally_.divergent >= config_.max_divergent)
        throw DivergedError(
            fmt::format("[train] {} steps in a row were not finite ({} at step {}); their samples are in {}; go on from the last "
                        "checkpoint with a lower learning rate (--resume auto --lr X --force), or warm it up",
                        tally_.divergent, what, state_.step + 1, directory_.divergence_file().string()));
}

}  // namespace keel::cli
