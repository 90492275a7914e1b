#include "tune/planner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <queue>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tune/rungs.h"

using namespace keel;

namespace keel::tune {

namespace {

using Durations = std::function<double(const Job&)>;
using Scores = std::function<double(const Job&)>;

/// Points are trials' numbers.
Planner planner_of(const PlanOptions& options, int most_points = 1 << 20) {
    return Planner(
        options,
        [=](const History&, std::span<const Point> taken) {
            return std::ssize(taken) < most_points ? std::optional(Point{static_cast<double>(taken.size())})
                                                   : std::nullopt;
        },
        [](const Point& point) { return point[0] == 3 ? 2.0 : 1.0; });
}

/// Runs a plan on as many real workers, whose jobs last as `seconds` says; returns the jobs in the order of decisions.
std::vector<Job> run_plan(const PlanOptions& options, const Scores& score, const Durations& seconds,
                          std::size_t most_jobs = 10'000, int most_points = 1 << 20) {
    Planner planner = planner_of(options, most_points);
    std::map<Job, double> known;
    std::multimap<double, Job> under_way;
    std::vector<Job> order;
    double now = 0;
    const auto score_of = [&](const Job& job) {
        const auto found = known.find(job);
        return found == known.end() ? std::nullopt : std::optional(found->second);
    };
    while (order.size() < most_jobs) {
        if (std::ssize(under_way) < options.workers) {
            const auto next = planner.next(score_of);
            if (next.step == Planner::Step::job) {
                // A trial goes on where it has been trained to the rung before.
                REQUIRE((next.job.rung == 0 || known.contains({next.job.trial, next.job.rung - 1})));
                order.push_back(next.job);
                under_way.emplace(now + seconds(next.job), next.job);
                continue;
            }
            if (next.step == Planner::Step::done && under_way.empty()) break;
            REQUIRE_FALSE(under_way.empty());  // it waits for something
        }
        now = under_way.begin()->first;
        known[under_way.begin()->second] = score(under_way.begin()->second);
        under_way.erase(under_way.begin());
    }
    return order;
}

/// How many jobs of each rung.
std::vector<int> counts_of(const std::vector<Job>& jobs, std::size_t rungs) {
    std::vector<int> counts(rungs);
    for (const Job& job : jobs) ++counts[static_cast<std::size_t>(job.rung)];
    return counts;
}

double by_number(const Job& job) { return (job.trial * 37) % 101 + 0.001 * job.rung; }
double one_second(const Job&) { return 1; }

}  // namespace

TEST_CASE("Rungs are fractions of all epochs, from the top", "[tune]") {
    CHECK(rungs_of(9, 1, 3) == std::vector{1, 3, 9});
    CHECK(rungs_of(10, 1, 3) == std::vector{1, 3, 10});
    CHECK(rungs_of(30, 1, 3) == std::vector{1, 3, 10, 30});
    CHECK(rungs_of(30, 4, 3) == std::vector{10, 30});
    CHECK(rungs_of(8, 2, 2) == std::vector{2, 4, 8});
    CHECK(rungs_of(1, 1, 3) == std::vector{1});
    CHECK(rungs_of(2, 1, 3) == std::vector{1, 2});
    CHECK_THROWS_AS(rungs_of(5, 6, 3), UsageError);
    CHECK_THROWS_AS(rungs_of(5, 0, 3), UsageError);
    CHECK_THROWS_AS(rungs_of(5, 1, 1), UsageError);
}

TEST_CASE("Asynchronous halving lets a third of each rung go on, and one to the end", "[tune]") {
    const PlanOptions options{.rungs = {1, 3, 9}, .eta = 3, .workers = 1, .trials = 27};
    const std::vector<Job> jobs = run_plan(options, by_number, one_second);
    const auto counts = counts_of(jobs, 3);
    CHECK(counts[0] == 27);
    // The first of those who were among the best until then may not be in the end, so that more than a third go on.
    CHECK((counts[1] >= 9 && counts[1] <= 14));
    CHECK(counts[2] >= 3);
    // The best third at the end has gone on, in any case.
    std::vector<int> best(27);
    for (int i = 0; i < 27; ++i) best[static_cast<std::size_t>(i)] = i;
    std::ranges::sort(best, std::greater<>(), [](int trial) { return by_number({trial, 0}); });
    for (int i = 0; i < 9; ++i) CHECK(std::ranges::find(jobs, Job{best[static_cast<std::size_t>(i)], 1}) != jobs.end());

    const PlanOptions few{.rungs = {1, 3, 9}, .eta = 3, .workers = 2, .trials = 2};
    CHECK(counts_of(run_plan(few, by_number, one_second), 3) == std::vector{2, 1, 1});
}

TEST_CASE("Successive halving waits for a bracket's rung, and takes its best", "[tune]") {
    const PlanOptions options{.method = "halving", .rungs = {1, 3, 9}, .eta = 3, .workers = 2, .trials = 22};
    const std::vector<Job> jobs = run_plan(options, by_number, one_second);
    // Brackets of 9, 9 and 4: 3 + 3 + 1 go on, and one of each to the end.
    CHECK(counts_of(jobs, 3) == std::vector{22, 7, 3});
    for (const int bracket : {0, 9}) {
        int best = bracket;
        for (int trial = bracket; trial < bracket + 9; ++trial)
            if (by_number({trial, 0}) > by_number({best, 0})) best = trial;
        CHECK(std::ranges::find(jobs, Job{best, 2}) != jobs.end());
    }
}

TEST_CASE("Decisions are the same whatever jobs last, on any number of workers", "[tune]") {
    for (const char* method : {"asha", "halving"})
        for (const int workers : {1, 2, 3, 8}) {
            INFO(method << ", " << workers);
            const PlanOptions options{
                .method = method, .rungs = {1, 2, 4, 8}, .eta = 2, .workers = workers, .trials = 50};
            const std::vector<Job> even = run_plan(options, by_number, one_second);
            const auto uneven = [](const Job& job) { return 0.1 + (job.trial * 7919 + job.rung * 104729) % 13; };
            const auto slow = [](const Job& job) { return job.trial % 5 == 2 ? 100.0 : 1.0; };
            CHECK(run_plan(options, by_number, uneven) == even);
            CHECK(run_plan(options, by_number, slow) == even);
        }
}

TEST_CASE("A worker is not kept waiting by a job that is late by less than a first rung", "[tune]") {
    // From the sixth job on one of two workers is late by 0.9 epochs, and the other one never waits for it.
    const PlanOptions options{.rungs = {1, 3, 9}, .eta = 3, .workers = 2};
    Planner planner = planner_of(options);
    std::map<Job, double> known;
    std::vector<std::pair<double, Job>> under_way;
    double now = 0, idle = 0;
    int jobs = 0;
    while (jobs < 60) {
        bool waits = false;
        while (under_way.size() < 2 && !waits) {
            const auto next = planner.next([&](const Job& job) {
                const auto found = known.find(job);
                return found == known.end() ? std::nullopt : std::optional(found->second);
            });
            waits = next.step != Planner::Step::job;
            if (waits) break;
            const std::vector<int> epochs{1, 2, 6};
            const double lasts = epochs[static_cast<std::size_t>(next.job.rung)] * (next.job.trial == 3 ? 2.0 : 1.0);
            under_way.emplace_back(now + lasts + (jobs == 5 ? 0.9 : 0), next.job);
            ++jobs;
        }
        std::ranges::sort(under_way);
        if (waits) idle += under_way.front().first - now;
        now = under_way.front().first;
        known[under_way.front().second] = by_number(under_way.front().second);
        under_way.erase(under_way.begin());
    }
    CHECK(idle == 0);
}

TEST_CASE("Ties go to the trial that began first; what has no score never goes on", "[tune]") {
    const PlanOptions options{.rungs = {1, 3}, .eta = 3, .workers = 1, .trials = 9};
    const auto equal = run_plan(
        options, [](const Job&) { return 0.5; }, one_second);
    std::vector<int> promoted;
    for (const Job& job : equal)
        if (job.rung == 1) promoted.push_back(job.trial);
    CHECK(promoted == std::vector{0, 1, 2});

    const double none = std::nan("");
    const auto some = run_plan(
        options, [&](const Job& job) { return job.trial % 4 == 3 ? 0.1 * job.trial : none; }, one_second);
    promoted.clear();
    for (const Job& job : some)
        if (job.rung == 1) promoted.push_back(job.trial);
    CHECK(promoted == std::vector{3, 7});
    for (const char* method : {"asha", "halving"}) {
        PlanOptions all = options;
        all.method = method;
        CHECK(counts_of(run_plan(
                            all, [&](const Job&) { return none; }, one_second),
                        2) == std::vector{9, 0});
    }
}

TEST_CASE("A plan ends where the space has no more points, and goes on where nothing limits it", "[tune]") {
    const PlanOptions options{.rungs = {1, 3}, .eta = 3, .workers = 2};
    CHECK(counts_of(run_plan(options, by_number, one_second, 10'000, 6), 2) == std::vector{6, 2});
    CHECK(run_plan(options, by_number, one_second, 500).size() == 500);
    const PlanOptions full{.method = "full", .rungs = {9}, .workers = 3, .trials = 5};
    CHECK(counts_of(run_plan(full, by_number, one_second), 1) == std::vector{5});
}

}  // namespace keel::tune
