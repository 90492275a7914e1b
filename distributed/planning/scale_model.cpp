#include "distributed/planning/scale_model.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <random>

#include "kernels/error.h"

namespace keel {
namespace {

struct Interval {
    double begin, end;
};

/// When `work` seconds of compute that begin at `now` are done, if a share of the speed is lost during the (rising)
/// intervals.
double advance(double now, double work, const std::vector<Interval>& busy, double stolen) {
    for (const Interval& interval : busy) {
        if (interval.end <= now) continue;
        const double free = std::max(0.0, interval.begin - now);
        if (work <= free) break;
        work -= free;
        now += free;
        const double done = (interval.end - now) * (1 - stolen);
        if (work <= done) return now + work / (1 - stolen);
        work -= done;
        now = interval.end;
    }
    return now + work;
}

bool is_sound(const MeasuredRanks& ranks) {
    return !ranks.empty() && !ranks[0].empty() && std::ranges::all_of(ranks, [&](const auto& steps) {
        return steps.size() == ranks[0].size() &&
               std::ranges::all_of(steps, [](const MeasuredStep& step) { return step.factor > 0 && step.input >= 0; });
    });
}

void check(const StepProfile& profile, const ScaleOptions& options, int nodes) {
    const bool sound = profile.compute > 0 && profile.update >= 0 && profile.ready.size() == profile.bytes.size() &&
                       std::ranges::is_sorted(profile.ready) &&
                       (profile.ready.empty() || profile.ready.back() <= profile.compute) &&
                       std::ranges::all_of(profile.factors, [](double f) { return f > 0; }) &&
                       std::ranges::all_of(profile.groups, is_sound);
    if (!sound) throw UsageError("[scale] wanted a step with rising times of its buckets, within its compute time");
    if (nodes < 1 || options.ranks_per_node < 1 || options.steps < 1 || options.stolen < 0 || options.stolen >= 1 ||
        options.wire_bytes <= 0 || options.input < 0)
        throw UsageError(
            "[scale] wanted nodes, ranks and steps of at least 1, a stolen share of 0 to below 1, bytes on the wire "
            "and "
            "no negative time for input");
}

class Simulation {
public:
    Simulation(const StepProfile& profile, const ScaleOptions& options, int nodes)
        : profile_(profile),
          options_(options),
          cluster_{nodes * options.ranks_per_node, options.ranks_per_node},
          factors_(static_cast<std::size_t>(cluster_.ranks), 1.0),
          clocks_(factors_.size()),
          inputs_(factors_.size()),
          random_(options.seed) {
        CostModel costs = options.costs;
        costs.beta *= options.wire_bytes / 4;  // of a byte of gradients, which are of four
        for (const std::int64_t bytes : profile.bytes)
            seconds_.push_back(predicted_seconds(fastest_algorithm(costs, cluster_, bytes, cluster_.per_node > 1),
                                                 costs, cluster_, bytes));
        for (std::size_t first = 0; !profile.groups.empty() && first < factors_.size(); first += dealt_.back()->size())
            dealt_.push_back(&profile.groups[random_() % profile.groups.size()]);
        agree_ = options.costs.alpha * std::bit_width(static_cast<unsigned>(cluster_.ranks - 1));
    }

    /// Adds one step to `sum`.
    void step(ScalePoint& sum) {
        draw();
        clocks_ = inputs_;
        busy_.clear();
        double filled = 0, free = 0, wire = 0;
        for (std::size_t b = 0; b < seconds_.size(); ++b) {
            const double full = compute_until(profile_.ready[b], filled);
            filled = profile_.ready[b];
            if (!options_.overlap) continue;
            const double begin = std::max(full, free);
            free = begin + seconds_[b];
            if (seconds_[b] > 0) busy_.push_back({begin, free});
        }
        const double slowest = compute_until(profile_.compute, filled);
        for (const double seconds : seconds_) wire += seconds;
        if (!options_.overlap) free = slowest + wire;

        double compute = 0, input = 0, most = 0;
        const double ranks = static_cast<double>(factors_.size());
        for (std::size_t rank = 0; rank < factors_.size(); ++rank) {
            const double own = profile_.compute * factors_[rank];
            compute += own / ranks;
            input += inputs_[rank] / ranks;
            most = std::max(most, inputs_[rank] + own);
        }
        const double end = std::max(slowest, free) + agree_;
        // Loaders that are slower than the ranks set the pace.
        const double late = std::max(0.0, options_.input - (end + profile_.update));
        sum.step += end + profile_.update + late;
        sum.compute += compute;
        sum.input += input + late;
        sum.skew += most - compute - input;
        sum.exposed += end - most;
        sum.wire += wire;
    }

private:
    void draw() {
        if (!profile_.factors.empty())
            for (double& factor : factors_) factor = profile_.factors[random_() % profile_.factors.size()];
        std::size_t rank = 0;
        for (const MeasuredRanks* group : dealt_) {
            const std::size_t step = random_() % group->front().size();
            for (std::size_t member = 0; member < group->size() && rank < factors_.size(); ++member, ++rank) {
                factors_[rank] = (*group)[member][step].factor;
                inputs_[rank] = (*group)[member][step].input;
            }
        }
    }

    /// All ranks compute from one point of the step to the next; the time at which the last is there.
    double compute_until(double to, double from) {
        double last = 0;
        for (std::size_t rank = 0; rank < clocks_.size(); ++rank) {
            clocks_[rank] = advance(clocks_[rank], (to - from) * factors_[rank], busy_, options_.stolen);
            last = std::max(last, clocks_[rank]);
        }
        return last;
    }

    const StepProfile& profile_;
    const ScaleOptions& options_;
    Cluster cluster_;
    std::vector<double> factors_, clocks_, inputs_;  // of the ranks
    std::vector<const MeasuredRanks*> dealt_;        // to the ranks, one group after the other
    std::vector<double> seconds_;                    // of each bucket's sum
    std::vector<Interval> busy_;                     // with sums, in this step
    double agree_ = 0;
    std::mt19937_64 random_;
};

}  // namespace

ScalePoint simulate(const StepProfile& profile, const ScaleOptions& options, int nodes) {
    check(profile, options, nodes);
    Simulation simulation(profile, options, nodes);
    ScalePoint point{.nodes = nodes, .ranks = nodes * options.ranks_per_node};
    for (int i = 0; i < options.steps; ++i) simulation.step(point);
    const double steps = options.steps;
    for (double* sum : {&point.step, &point.compute, &point.input, &point.skew, &point.exposed, &point.wire})
        *sum /= steps;
    point.update = profile.update;
    point.efficiency = (point.compute + point.update) / point.step;
    return point;
}

}  // namespace keel
