#include "tune/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/error.h"

namespace keel::tune {
namespace {

constexpr double kTick = 0.5;         // seconds between two looks at budgets and signals
constexpr double kKeepEvery = 60;     // seconds: what a killed search does not count
constexpr double kResultsEvery = 10;  // seconds
constexpr int kRefusedAtFirst = 5;    // that say that all will be

SearchObserver& no_search_observer() {
    static SearchObserver observer;
    return observer;
}

Planner make_planner(const SearchState& state, const SearchParts& parts) {
    const SearchFacts& facts = state.facts();
    const auto draw = [&facts](const History& history, std::span<const Point> taken) -> std::optional<Point> {
        if (taken.size() < facts.points.size()) return facts.points[taken.size()];  // drawn before
        return draw_trial(facts.plan.sampler, facts.space, history, taken, facts.plan.seed);
    };
    const auto cost = [&facts, price = parts.cost](const Point& point) {
        if (!price) return 1.0;
        TrainConfig config = facts.config;
        apply(facts.space, point, config);
        return price(config) / price(facts.config);
    };
    return Planner({.method = facts.plan.method,
                    .rungs = facts.rungs,
                    .eta = facts.plan.eta,
                    .workers = facts.plan.parallel,
                    .trials = facts.budget.trials},
                   draw, cost);
}

}  // namespace

std::filesystem::path trial_folder(const std::filesystem::path& folder, int trial) {
    return folder / "trials" / fmt::format("{:04}", trial);
}

std::optional<int> best_trial(const SearchFacts& facts) {
    std::optional<int> best;
    double best_score = 0;
    for (const auto& [job, outcome] : facts.outcomes) {
        const double score = facts.score_of(job).value_or(0);
        if (outcome.ending != Ending::complete || std::isnan(score) || (best && score <= best_score)) continue;
        best = job.trial;
        best_score = score;
    }
    return best;
}

Search::Search(SearchState& state, TrialRunner& runner, std::filesystem::path folder, SearchParts parts)
    : state_(state),
      runner_(runner),
      folder_(std::move(folder)),
      parts_(std::move(parts)),
      planner_(make_planner(state, parts_)),
      workers_(static_cast<std::size_t>(state.facts().plan.parallel)),
      spent_(state.facts().spent) {
    if (parts_.observer == nullptr) parts_.observer = &no_search_observer();
    accepted_ = std::ranges::any_of(state.facts().outcomes,
                                    [](const auto& entry) { return entry.second.ending != Ending::refused; });
    const Budget& budget = state.facts().budget;
    if (!budget.has_limit())
        throw UsageError("[tune] a search wants a budget: trials, core_hours, hours or kwh, none came");
    if (budget.kwh > 0 && !parts_.joules) throw UsageError("[tune] a budget of energy wants a meter, none came");
}

SearchReport Search::run() {
    at_ = kept_at_ = results_at_ = runner_.now();
    joules_at_ = parts_.joules ? parts_.joules() : 0;
    for (;;) {
        fill();
        if (!any_busy()) break;
        const auto end = runner_.wait(kTick);
        account();
        if (end) finish(*end);
        stop_where_asked();
    }
    if (spent_ != state_.facts().spent) state_.set_spent(spent_);
    if (parts_.write_results) parts_.write_results(state_.facts());
    return report();
}

bool Search::any_busy() const {
    return std::ranges::any_of(workers_, [](const UnderWay& worker) { return worker.busy; });
}

/// Gives free workers what comes next.
void Search::fill() {
    stop_where_asked();
    while (!stopping_) {
        const auto free = std::ranges::find(workers_, false, &UnderWay::busy);
        if (free == workers_.end()) return;
        const auto next = planner_.next([this](const Job& job) { return state_.facts().score_of(job); });
        if (next.step != Planner::Step::job) return;
        if (state_.facts().outcomes.contains(next.job)) continue;  // of an earlier process
        start(next.job, static_cast<std::size_t>(free - workers_.begin()));
    }
}

TrainConfig Search::config_of(int trial) const {
    const SearchFacts& facts = state_.facts();
    TrainConfig config = facts.config;
    apply(facts.space, facts.points[static_cast<std::size_t>(trial)], config);
    config.out = trial_folder(folder_, trial).string();
    config.threads = facts.plan.threads;
    return config;
}

void Search::start(const Job& job, std::size_t worker) {
    if (job.trial == std::ssize(state_.facts().points)) state_.add_trial(planner_.points().back());
    TrialOrder order{
        .worker = static_cast<int>(worker),
        .job = job,
        .epochs = state_.facts().rungs[static_cast<std::size_t>(job.rung)],
        .config = config_of(job.trial),
        .values = value_texts(state_.facts().space, state_.facts().points[static_cast<std::size_t>(job.trial)])};
    workers_[worker] = {.job = job, .epochs = order.epochs, .busy = true};
    parts_.observer->on_start(order);
    runner_.start(order);
}

/// Adds up what the jobs under way have used since the last time; energy goes by cores.
void Search::account() {
    const double now = runner_.now(), joules_now = parts_.joules ? parts_.joules() : 0;
    const double seconds = now - std::exchange(at_, now), joules = joules_now - std::exchange(joules_at_, joules_now);
    const auto busy = std::ranges::count(workers_, true, &UnderWay::busy);
    const double core_seconds = seconds * state_.facts().plan.cores();
    for (UnderWay& worker : workers_) {
        if (!worker.busy) continue;
        worker.spent.seconds += seconds;
        worker.spent.core_seconds += core_seconds;
        worker.spent.joules += joules / static_cast<double>(busy);
    }
    spent_.seconds += seconds;
    spent_.core_seconds += core_seconds * static_cast<double>(busy);
    spent_.joules += joules;
    if (now - kept_at_ < kKeepEvery) return;
    kept_at_ = now;
    state_.set_spent(spent_);
}

void Search::finish(const TrialEnd& end) {
    UnderWay& worker = workers_[static_cast<std::size_t>(end.worker)];
    worker.busy = false;
    if (!end.outcome) {
        if (!stopping_) stop(SearchEnd::stopped, "somebody who stopped a trial");
        return;
    }
    Outcome outcome = *end.outcome;
    outcome.seconds = worker.spent.seconds;
    outcome.core_seconds = worker.spent.core_seconds;
    outcome.joules = worker.spent.joules;
    state_.add_outcome(worker.job, outcome, spent_);
    runner_.settled(end.worker);
    parts_.observer->on_outcome(worker.job, outcome, state_.facts());
    accepted_ = accepted_ || outcome.ending != Ending::refused;
    if (!accepted_ && ++refused_ == kRefusedAtFirst) {
        runner_.stop();
        throw UsageError(
            fmt::format("[tune] the first {} trials were refused; the last one said: {}", refused_, outcome.message));
    }
    if (!parts_.write_results || runner_.now() - results_at_ < kResultsEvery) return;
    parts_.write_results(state_.facts());
    results_at_ = runner_.now();
}

void Search::stop(SearchEnd end, const std::string& reason) {
    stopping_ = true;
    end_ = end;
    reason_ = reason;
    runner_.stop();
}

void Search::stop_where_asked() {
    if (stopping_) return;
    if (const std::string reason = parts_.observer->should_stop(); !reason.empty())
        return stop(SearchEnd::stopped, reason);
    if (const std::string limit = used_up(state_.facts().budget, spent_); !limit.empty())
        stop(SearchEnd::out_of_budget, limit);
}

SearchReport Search::report() const { return {end_, reason_, best_trial(state_.facts()), planner_.out_of_points()}; }

}  // namespace keel::tune
