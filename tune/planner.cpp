#include "tune/planner.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace keel::tune {
namespace {

constexpr double kTicks = 1000;  // of an epoch

}  // namespace

Planner::Planner(PlanOptions options, Draw draw, Cost cost)
    : options_(std::move(options)),
      draw_(std::move(draw)),
      cost_(std::move(cost)),
      free_at_(static_cast<std::size_t>(options_.workers)),
      seen_(options_.rungs.size()),
      gone_on_(options_.rungs.size()) {
    // One worker has seen the end of each job before it begins another one.
    if (options_.workers > 1) lag_ = static_cast<std::int64_t>(kTicks) * options_.rungs.front();
}

Planner::Next Planner::next(const ScoreOf& score_of) {
    for (;;) {
        const auto slot = std::ranges::min_element(free_at_);
        const std::int64_t now = *slot;
        if (!take_in(now - lag_, score_of)) return {Step::wait};
        if (const auto job = decide()) {
            *slot = now + ticks(*job);
            const auto place = std::ranges::upper_bound(pending_, *slot, {}, &Pending::end);
            pending_.insert(place, {*job, *slot});
            return {Step::job, *job};
        }
        if (pending_.empty()) return {Step::done};
        *slot = pending_.front().end + lag_;
    }
}

/// Sees what has ended by then; false where the score of such a job is not known yet.
bool Planner::take_in(std::int64_t until, const ScoreOf& score_of) {
    while (!pending_.empty() && pending_.front().end <= until) {
        const Job job = pending_.front().job;
        const auto score = score_of(job);
        if (!score) return false;
        auto& rung = seen_[static_cast<std::size_t>(job.rung)];
        // In the order in which scores rank; of equal ones the trial that began first is before the other.
        const auto worse = [&](const Scored& other) {
            if (std::isnan(*score) || std::isnan(other.score))
                return std::isnan(other.score) && (!std::isnan(*score) || other.trial > job.trial);
            return other.score < *score || (other.score == *score && other.trial > job.trial);
        };
        rung.insert(std::ranges::find_if(rung, worse), {job.trial, *score});
        pending_.erase(pending_.begin());
    }
    return true;
}

std::optional<Job> Planner::decide() {
    const bool brackets = options_.method == "halving";
    if (auto job = brackets ? promotion_in_brackets() : promotion(false)) return job;
    if (auto job = new_trial()) return job;
    // At the end the best of few goes on as well, so that one trial has been trained to its end.
    if (!brackets && pending_.empty()) return promotion(true);
    return std::nullopt;
}

/// The best of those places of a rung that are not taken, if it has a score.
std::optional<Job> Planner::promoted(std::size_t rung, std::span<const Scored> ranked, std::size_t places) {
    for (const Scored& scored : ranked.first(std::min(places, ranked.size()))) {
        if (std::isnan(scored.score)) return std::nullopt;
        if (gone_on_[rung].insert(scored.trial).second) return Job{scored.trial, static_cast<int>(rung) + 1};
    }
    return std::nullopt;
}

std::optional<Job> Planner::promotion(bool at_least_one) {
    for (std::size_t rung = seen_.size() - 1; rung-- > 0;) {
        const std::size_t places = seen_[rung].size() / static_cast<std::size_t>(options_.eta);
        if (auto job = promoted(rung, seen_[rung], std::max<std::size_t>(places, at_least_one ? 1 : 0))) return job;
    }
    return std::nullopt;
}

std::optional<Job> Planner::promotion_in_brackets() {
    std::size_t size = 1;
    for (std::size_t rung = 1; rung < seen_.size(); ++rung) size *= static_cast<std::size_t>(options_.eta);
    for (std::size_t first = 0; first < points_.size(); first += size) {
        if (points_.size() - first < size && more_trials()) break;  // it is not filled yet
        std::size_t members = std::min(size, points_.size() - first);
        for (std::size_t rung = 0; rung + 1 < seen_.size() && members > 0; ++rung) {
            std::vector<Scored> ranked;
            for (const Scored& scored : seen_[rung])
                if (static_cast<std::size_t>(scored.trial) / size == first / size) ranked.push_back(scored);
            if (ranked.size() < members) break;
            const std::size_t places = std::max<std::size_t>(1, members / static_cast<std::size_t>(options_.eta));
            if (auto job = promoted(rung, ranked, places)) return job;
            members = static_cast<std::size_t>(std::ranges::count_if(
                std::span(ranked).first(places), [](const Scored& s) { return !std::isnan(s.score); }));
        }
    }
    return std::nullopt;
}

bool Planner::more_trials() const {
    return !out_of_points_ && (options_.trials == 0 || std::ssize(points_) < options_.trials);
}

std::optional<Job> Planner::new_trial() {
    if (!more_trials()) return std::nullopt;
    auto point = draw_(history(), points_);
    out_of_points_ = !point;
    if (!point) return std::nullopt;
    points_.push_back(std::move(*point));
    return Job{static_cast<int>(points_.size()) - 1, 0};
}

std::int64_t Planner::ticks(const Job& job) const {
    const auto rung = static_cast<std::size_t>(job.rung);
    const int epochs = options_.rungs[rung] - (rung == 0 ? 0 : options_.rungs[rung - 1]);
    return std::max<std::int64_t>(1,
                                  std::llround(kTicks * epochs * cost_(points_[static_cast<std::size_t>(job.trial)])));
}

History Planner::history() const {
    History history(seen_.size());
    for (std::size_t rung = 0; rung < seen_.size(); ++rung)
        for (const Scored& scored : seen_[rung])
            history[rung].push_back({points_[static_cast<std::size_t>(scored.trial)], scored.score});
    return history;
}

}  // namespace keel::tune
