#include "train/prune/prune.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include <fmt/core.h>

#include "embed/images.h"
#include "engine/checkpoint.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "models/summary.h"
#include "train/evaluate.h"

namespace keel {
namespace {

/// Channels of one group that go together, as they stand in the order of their scores, and the mean score of one.
struct PruneStep {
    std::size_t group;
    std::size_t begin, end;
    double score;
};

std::vector<std::int64_t> order_of_scores(const std::vector<double>& scores) {
    std::vector<std::int64_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::int64_t c) { return scores[static_cast<std::size_t>(c)]; });
    return order;
}

/// The steps in which a group can lose channels, the lowest first.
void add_steps(const std::vector<double>& scores, const std::vector<std::int64_t>& order, std::size_t group,
               std::size_t multiple, std::vector<PruneStep>& steps) {
    for (std::size_t begin = 0, left = scores.size(); left > multiple;) {
        const std::size_t count = left % multiple == 0 ? multiple : left % multiple;
        double sum = 0;
        for (std::size_t i = begin; i < begin + count; ++i) sum += scores[static_cast<std::size_t>(order[i])];
        steps.push_back({group, begin, begin + count, sum / static_cast<double>(count)});
        begin += count;
        left -= count;
    }
}

/// Indices of each dim of a tensor that stay; empty: all.
using KeptIndices = std::array<std::vector<std::int64_t>, 2>;

/// What stays of each tensor that holds channels of some group.
std::map<std::string, KeptIndices> kept_indices(const std::vector<ChannelGroup>& groups, const KeptChannels& kept,
                                                const std::map<std::string, Dims>& tensors) {
    std::map<std::string, std::array<std::vector<char>, 2>> gone;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        std::vector<char> stays(static_cast<std::size_t>(groups[g].width));
        for (const std::int64_t channel : kept[g]) stays[static_cast<std::size_t>(channel)] = 1;
        for (const std::vector<ChannelSlice>* slices : {&groups[g].gates, &groups[g].others})
            for (const ChannelSlice& slice : *slices) {
                auto& flags = gone[slice.tensor][static_cast<std::size_t>(slice.dim)];
                flags.resize(static_cast<std::size_t>(tensors.at(slice.tensor)[slice.dim]));
                for (std::int64_t i = 0; i < groups[g].width * slice.repeat; ++i)
                    if (stays[static_cast<std::size_t>(i / slice.repeat)] == 0)
                        flags[static_cast<std::size_t>(slice.begin + i)] = 1;
            }
    }
    std::map<std::string, KeptIndices> indices;
    for (const auto& [name, flags] : gone)
        for (std::size_t dim = 0; dim < flags.size(); ++dim)
            for (std::size_t i = 0; i < flags[dim].size(); ++i)
                if (flags[dim][i] == 0) indices[name][dim].push_back(static_cast<std::int64_t>(i));
    return indices;
}

/// Returns the rows and columns of a tensor that stay.
Tensor part_of(const Tensor& any, const KeptIndices& kept) {
    const Tensor whole = any.contiguous();
    std::array<std::vector<std::int64_t>, 2> indices = kept;
    const std::int64_t columns = whole.rank() > 1 ? whole.dim(1) : 1;
    for (std::size_t dim = 0; dim < 2; ++dim) {
        if (!indices[dim].empty()) continue;
        indices[dim].resize(static_cast<std::size_t>(dim == 0 ? whole.dim(0) : columns));
        std::iota(indices[dim].begin(), indices[dim].end(), 0);
    }
    const std::int64_t each = whole.elements() / (whole.dim(0) * columns);
    std::vector<float> values;
    for (const std::int64_t row : indices[0])
        for (const std::int64_t column : indices[1]) {
            const float* from = whole.data<float>() + (row * columns + column) * each;
            values.insert(values.end(), from, from + each);
        }
    std::vector<std::int64_t> extents(whole.dims().begin(), whole.dims().end());
    extents[0] = std::ssize(indices[0]);
    if (whole.rank() > 1) extents[1] = std::ssize(indices[1]);
    return Tensor::from(std::span<const float>(values), Dims(extents));
}

/// The widths of a model whose groups have so many channels: those that are not the architecture's.
std::map<std::string, std::int64_t> widths_left(const ModelSpec& spec, const std::vector<ChannelGroup>& groups,
                                                const KeptChannels& kept) {
    ModelOptions whole = spec.options;
    whole.widths.clear();
    const std::vector<ChannelGroup> own = channel_groups(spec.name, whole);
    std::map<std::string, std::int64_t> widths;
    for (std::size_t g = 0; g < groups.size(); ++g)
        if (std::ssize(kept[g]) != own[g].width) widths.emplace(groups[g].name, std::ssize(kept[g]));
    return widths;
}

void require_channels(const std::vector<ChannelGroup>& groups, const KeptChannels& kept) {
    if (kept.size() != groups.size())
        throw UsageError(fmt::format("[prune] channels of {} groups, the model has {}", kept.size(), groups.size()));
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const bool rising = std::ranges::adjacent_find(kept[g], std::ranges::greater_equal{}) == kept[g].end();
        if (kept[g].empty() || !rising || kept[g].front() < 0 || kept[g].back() >= groups[g].width)
            throw UsageError(fmt::format("[prune] wanted rising channels of the {} of {}, one at least",
                                         groups[g].width, groups[g].name));
    }
}

std::vector<Batch> read_batches(const Dataset& dataset, const PruneOptions& o, const ModelSpec& spec,
                                const std::function<void(std::int64_t, std::int64_t)>& progress) {
    LoaderOptions options = o.loader;
    options.transform = transform_of(spec);
    options.shuffle = true;
    options.end_sample = std::min(o.images, dataset.size(options.split));
    if (options.end_sample < 1)
        throw InputError(fmt::format("[prune] the data have no {} images", split_name(options.split)));
    Loader loader(dataset, options);
    std::vector<Batch> batches;
    std::int64_t read = 0;
    for (Batch batch; loader.next(batch);) {
        read += batch.n;
        batches.push_back(std::move(batch));
        batch = {};
        if (progress) progress(read, options.end_sample);
    }
    return batches;
}

void count_numbers(const LoadedModel& model, std::int64_t& parameters, std::int64_t& macs) {
    const ModelSummary summary = summarize(*model.module, model.spec.options.channels, model.spec.image_size);
    parameters = summary.parameters;
    macs = summary.macs;
}

PruneReport report_of(const std::vector<ChannelGroup>& groups, const ChannelScores& scores, const KeptChannels& kept,
                      const PruneOptions& options) {
    PruneReport report;
    std::int64_t whole = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        report.groups.push_back({groups[g].name, groups[g].width, std::ssize(kept[g])});
        report.channels += std::ssize(scores[g]);
        if (scores[g].empty())
            ++whole;
        else
            report.channels_left += std::ssize(kept[g]);
    }
    if (whole > 0)
        report.warnings.push_back(
            fmt::format("{} of {} groups of channels have no batch norm and stay whole; --score taylor scores them",
                        whole, groups.size()));
    if (static_cast<double>(report.channels_left) > options.keep * static_cast<double>(report.channels))
        report.warnings.push_back(
            fmt::format("{} of {} channels stay, more than {:g} of them: no group can lose more in steps of {}",
                        report.channels_left, report.channels, options.keep, options.multiple));
    return report;
}

}  // namespace

const char* name(ChannelScore score) { return score == ChannelScore::batch_norm ? "bn" : "taylor"; }

ChannelScore channel_score_named(const std::string& word) {
    for (const ChannelScore score : {ChannelScore::batch_norm, ChannelScore::taylor})
        if (word == name(score)) return score;
    throw UsageError(fmt::format("[prune] score '{}', wanted bn or taylor", word));
}

KeptChannels choose_channels(const ChannelScores& scores, const std::vector<ChannelGroup>& groups, double keep,
                             std::int64_t multiple) {
    if (!(keep > 0 && keep <= 1)) throw UsageError(fmt::format("[prune] wanted a share above 0 to 1, got {}", keep));
    if (multiple < 1) throw UsageError(fmt::format("[prune] wanted a multiple from 1 on, got {}", multiple));
    if (scores.size() != groups.size())
        throw UsageError(fmt::format("[prune] scores of {} groups, the model has {}", scores.size(), groups.size()));
    std::vector<PruneStep> steps;
    std::vector<std::vector<std::int64_t>> orders;
    std::int64_t all = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        if (!scores[g].empty() && std::ssize(scores[g]) != groups[g].width)
            throw UsageError(fmt::format("[prune] {} scores for the {} channels of {}", scores[g].size(),
                                         groups[g].width, groups[g].name));
        orders.push_back(order_of_scores(scores[g]));
        add_steps(scores[g], orders[g], g, static_cast<std::size_t>(multiple), steps);
        all += std::ssize(scores[g]);
    }
    std::ranges::stable_sort(steps, {}, &PruneStep::score);
    std::int64_t left = all;
    std::vector<std::size_t> gone(groups.size());  // channels of each group, the lowest
    for (const PruneStep& step : steps) {
        if (static_cast<double>(left) <= keep * static_cast<double>(all)) break;
        gone[step.group] = step.end;
        left -= static_cast<std::int64_t>(step.end - step.begin);
    }
    KeptChannels kept;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        std::vector<std::int64_t>& channels = kept.emplace_back(static_cast<std::size_t>(groups[g].width));
        std::iota(channels.begin(), channels.end(), 0);
        if (scores[g].empty()) continue;
        channels.assign(orders[g].begin() + static_cast<std::ptrdiff_t>(gone[g]), orders[g].end());
        std::ranges::sort(channels);
    }
    return kept;
}

LoadedModel without_channels(const LoadedModel& model, const KeptChannels& kept) {
    const ModelSpec& spec = model.spec;
    const std::vector<ChannelGroup> groups = channel_groups(spec.name, spec.options);
    require_channels(groups, kept);
    const std::vector<NamedTensor> state = model.module->state();
    std::map<std::string, Dims> dims;
    for (const auto& [name, tensor] : state) dims.emplace(name, tensor.dims());
    const std::map<std::string, KeptIndices> indices = kept_indices(groups, kept, dims);
    std::vector<NamedTensor> left;
    for (const auto& [name, tensor] : state) {
        const auto found = indices.find(name);
        left.push_back({name, found == indices.end() ? tensor.clone() : part_of(tensor, found->second)});
    }
    LoadedModel smaller{spec, nullptr};
    smaller.spec.options.widths = widths_left(spec, groups, kept);
    smaller.module = make_blank_model(spec.name, smaller.spec.options);
    load_into(smaller.module->state(), left, "the model", {.share = true});
    smaller.module->train(false);
    return smaller;
}

Pruned prune(const LoadedModel& model, const Dataset& dataset, const PruneOptions& options,
             const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const std::vector<ChannelGroup> groups = channel_groups(model.spec.name, model.spec.options);
    if (groups.empty()) throw UsageError(fmt::format("[prune] {} has no channels that may go", model.spec.name));
    if (options.images < 1) throw UsageError(fmt::format("[prune] wanted an image at least, got {}", options.images));
    const bool taylor = options.score == ChannelScore::taylor;
    if (taylor) require_same_labels(model.spec, dataset, "the model");
    const std::vector<Batch> batches = taylor || !options.keep_statistics
                                           ? read_batches(dataset, options, model.spec, progress)
                                           : std::vector<Batch>{};
    const auto loss = dataset.task() == Task::labels ? label_loss() : class_loss();
    const ChannelScores scores = taylor ? taylor_scores(model, *loss, batches) : batch_norm_scores(model);
    if (std::ranges::all_of(scores, &std::vector<double>::empty))
        throw UsageError(fmt::format("[prune] {} has no batch norms: wanted the score taylor", model.spec.name));
    const KeptChannels kept = choose_channels(scores, groups, options.keep, options.multiple);
    Pruned pruned{without_channels(model, kept), report_of(groups, scores, kept, options)};
    PruneReport& report = pruned.report;
    for (const Batch& batch : batches) report.images += batch.n;
    if (!options.keep_statistics && report.channels_left < report.channels) measure_statistics(pruned.model, batches);
    if (pruned.model.spec.operating) {
        pruned.model.spec.operating.reset();
        report.warnings.emplace_back(
            "thresholds are of the checkpoint, not of its smaller model: keel threshold measures them on that");
    }
    count_numbers(model, report.parameters, report.macs);
    count_numbers(pruned.model, report.parameters_left, report.macs_left);
    return pruned;
}

}  // namespace keel
