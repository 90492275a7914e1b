#include "train/ranked_evaluation.h"

#include <cstring>

namespace keel {
namespace {

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Every rank's values, one rank after the other.
template <class T>
std::vector<T> joined(World& world, const std::vector<T>& own) {
    std::vector<T> all;
    for (const std::string& bytes : world.gather_texts(bytes_of(own))) {
        const std::size_t before = all.size();
        all.resize(before + bytes.size() / sizeof(T));
        if (!bytes.empty()) std::memcpy(all.data() + before, bytes.data(), bytes.size());
    }
    return all;
}

std::vector<std::string> joined_names(World& world, const std::vector<std::string>& own) {
    std::string packed;
    for (const std::string& name : own) packed += name + '\0';
    std::vector<std::string> all;
    for (const std::string& names : world.gather_texts(packed))
        for (std::size_t at = 0; at < names.size(); at += all.back().size() + 1) all.emplace_back(names.c_str() + at);
    return all;
}

}  // namespace

std::optional<Predictions> evaluate_on_ranks(World& world, const std::function<bool()>& stop, const Predictor& model,
                                             const Dataset& dataset, LoaderOptions options,
                                             const std::function<void(std::int64_t, std::int64_t)>& progress,
                                             const ViewOptions& views) {
    if (world.is_single()) return evaluate_unless(stop, model, dataset, options, progress, views);
    const auto [begin, end] = slice_of(dataset.size(options.split), world.rank(), world.size());
    options.start_sample = begin;
    options.end_sample = end;
    options.shard = {};
    const std::optional<Predictions> own = evaluate_unless(stop, model, dataset, options, progress, views);
    for (const int stopped : world.gather(own ? 0 : 1))
        if (stopped != 0) return std::nullopt;
    Predictions all;
    all.names = joined_names(world, own->names);
    all.probabilities = joined(world, own->probabilities);
    all.targets = joined(world, own->targets);
    all.labels = joined(world, own->labels);
    all.indices = joined(world, own->indices);
    describe_samples(all, dataset, options.split);
    double sum = 0;
    for (const double loss : world.gather(own->samples() > 0 ? own->loss * static_cast<double>(own->samples()) : 0.0))
        sum += loss;
    all.loss = sum / static_cast<double>(all.samples());
    return all;
}

}  // namespace keel
