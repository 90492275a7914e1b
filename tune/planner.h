// Which trial is trained next, and how far. What is decided depends on scores and on the order of decisions, never on
// how long anything took: a search that was stopped, or killed, decides again what it had decided.
//
// Workers are stood in for by slots in a time of their own, in which a job takes as long as its epochs cost. Decisions
// are made in the order of this time, and see the jobs that had ended in it one first rung ago: so much may real jobs
// be late before a free worker waits for one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tune/sampler.h"

namespace keel::tune {

/// How trials are chosen to go on: by asynchronous successive halving (Li et al., "A system for massively parallel
/// hyperparameter tuning", MLSys 2020), by successive halving in brackets (Jamieson and Talwalkar, AISTATS 2016), or
/// all of them to their end.
inline constexpr std::string_view kMethods[] = {"asha", "halving", "full"};

/// A trial, from the rung before (or its start) to this one.
struct Job {
    int trial = 0, rung = 0;
    auto operator<=>(const Job&) const = default;
};

struct PlanOptions {
    std::string method = "asha";  ///< of kMethods; full has one rung
    std::vector<int> rungs{1};    ///< epochs, rising
    int eta = 3;                  ///< one of so many goes on
    int workers = 1;
    int trials = 0;  ///< 0: no limit
};

class Planner {
public:
    /// Returns a new point; none where there is no other.
    using Draw = std::function<std::optional<Point>(const History&, std::span<const Point> taken)>;
    /// Returns what an epoch of a point costs, beside that of the configuration: a guess that must not change.
    using Cost = std::function<double(const Point&)>;
    /// Returns a job's score, of which the larger is the better one, NaN where it has none or failed; nothing as long
    /// as it has not ended.
    using ScoreOf = std::function<std::optional<double>(const Job&)>;

    Planner(PlanOptions options, Draw draw, Cost cost);

    enum class Step {
        job,
        wait,  ///< the next decision needs the score of a job under way
        done   ///< nothing is left to be done
    };
    struct Next {
        Step step = Step::done;
        Job job{};
    };
    /// Decides once more. A job is returned once, whether or not its score is known already.
    Next next(const ScoreOf& score_of);

    /// Returns the points that were drawn, by trial.
    std::span<const Point> points() const { return points_; }
    bool out_of_points() const { return out_of_points_; }

private:
    struct Scored {
        int trial = 0;
        double score = 0;
    };
    struct Pending {
        Job job;
        std::int64_t end = 0;  // ticks
    };

    bool take_in(std::int64_t until, const ScoreOf& score_of);
    std::optional<Job> decide();
    std::optional<Job> promotion(bool at_least_one);
    std::optional<Job> promotion_in_brackets();
    std::optional<Job> promoted(std::size_t rung, std::span<const Scored> ranked, std::size_t places);
    std::optional<Job> new_trial();
    bool more_trials() const;
    std::int64_t ticks(const Job& job) const;
    History history() const;

    PlanOptions options_;
    Draw draw_;
    Cost cost_;
    std::int64_t lag_ = 0;
    std::vector<std::int64_t> free_at_;      // of each slot
    std::vector<Pending> pending_;           // by their ends
    std::vector<std::vector<Scored>> seen_;  // by rung
    std::vector<std::set<int>> gone_on_;     // by rung: the trials that left it for the next
    std::vector<Point> points_;
    bool out_of_points_ = false;
};

}  // namespace keel::tune
