// The one file of a search, tune.jsonl: what was asked for, the points of its trials, what became of them, what was
// used. It only grows, a line a fact, each made durable before the next decision: whenever the process is killed, what
// is in it is enough to go on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tune/outcome.h"
#include "tune/planner.h"
#include "tune/space.h"

namespace keel::tune {

/// What a search is: the same from its first trial to its last, or scores would not be those of one search.
struct SearchPlan {
    std::string method = "asha", sampler = "tpe";
    int eta = 3, min_epochs = 1;
    int parallel = 1;             ///< trials side by side
    int ranks = 1, threads = 0;   ///< of a trial, of each of its ranks; 0: not said yet
    std::string metric = "auto";  ///< column of metrics.jsonl; auto: val_auroc_mean of labels, val_auc of classes
    std::uint64_t seed = 0;

    bool operator==(const SearchPlan&) const = default;
    /// Losses are the better the smaller they are, all else the larger.
    bool minimizes() const { return metric.ends_with("loss"); }
    int cores() const { return ranks * threads; }
};

/// Throws UsageError where a field is out of range.
void check_plan(const SearchPlan& plan);

/// All that the file says.
struct SearchFacts {
    SearchPlan plan{};
    TrainConfig config{};
    std::string space_text{};
    Space space{};
    std::vector<int> rungs{};
    Budget budget{};
    std::vector<Point> points{};  ///< by trial
    std::map<Job, Outcome> outcomes{};
    std::vector<Job> order{};  ///< in which they came
    Spent spent{};

    /// Returns the outcome of a job as the planner takes it: a larger score is better.
    std::optional<double> score_of(const Job& job) const;
};

/// Returns the rungs of a plan with the configuration's epochs.
std::vector<int> rungs_of(const SearchPlan& plan, const TrainConfig& config);

/// Reads the lines of a search. Half a last line is what a power cut left, and is no part of `*good`, the bytes that
/// count. Throws InputError that names `origin` and the line where it is damaged or says what cannot be.
SearchFacts read_facts(std::string_view text, const std::string& origin, std::size_t* good = nullptr);

/// The file, open.
class SearchState {
public:
    static std::filesystem::path file_of(const std::filesystem::path& folder) { return folder / "tune.jsonl"; }

    /// Begins one. Throws UsageError for what cannot be searched, IoError.
    SearchState(const std::filesystem::path& folder, const SearchPlan& plan, const TrainConfig& config,
                const std::string& space_text, const std::string& space_origin, const Budget& budget);
    /// Opens one that is there. Throws as read_facts() does, IoError.
    explicit SearchState(const std::filesystem::path& folder);

    const SearchFacts& facts() const { return facts_; }
    /// Returns whether half a line was left out.
    bool was_cut() const { return cut_; }

    // Each of these is on the disk when it returns; where it throws StorageError or IoError, none of it counts.

    void set_budget(const Budget& budget);
    void add_trial(const Point& point);
    void add_outcome(const Job& job, const Outcome& outcome, const Spent& spent);
    void set_spent(const Spent& spent);

private:
    void append(const std::string& lines);

    std::filesystem::path file_;
    SearchFacts facts_;
    std::uint64_t size_ = 0;  // what counts of it
    bool cut_ = false;
};

}  // namespace keel::tune
