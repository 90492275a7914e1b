// A search for the best configuration under a budget.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tune/planner.h"
#include "tune/search_state.h"
#include "tune/trial_runner.h"

namespace keel::tune {

/// What a search tells as it goes, and asks.
class SearchObserver {
public:
    virtual ~SearchObserver() = default;
    virtual void on_start(const TrialOrder&) {}
    virtual void on_outcome(const Job&, const Outcome&, const SearchFacts&) {}
    /// What should be known, a sentence.
    virtual void on_remark(const std::string&) {}
    /// Returns why the search should stop here, to go on another time; empty: it should not.
    virtual std::string should_stop() { return ""; }
};

enum class SearchEnd {
    finished,  ///< nothing is left to be done
    out_of_budget,
    stopped  ///< from outside
};

struct SearchReport {
    SearchEnd end = SearchEnd::finished;
    std::string reason{};        ///< the limit that was used up, or why it was stopped
    std::optional<int> best{};   ///< trial; none where none has a score
    bool out_of_points = false;  ///< the space had no other point than those that were tried
};

/// What a search may be given beside its state.
struct SearchParts {
    SearchObserver* observer = nullptr;  ///< null: nobody
    std::function<double()> joules{};    ///< energy used by this process's machine, rising; none: not counted
    std::function<double(const TrainConfig&)> cost{};  ///< of an epoch, beside any other configuration's; none: all 1
    /// Is told all that is known where results should be written: at outcomes, seldom enough, and at the end.
    std::function<void(const SearchFacts&)> write_results{};
};

class Search {
public:
    /// `state` and `runner` must outlive it.
    Search(SearchState& state, TrialRunner& runner, std::filesystem::path folder, SearchParts parts = {});

    /// Runs until nothing is left to be done, the budget is used up or the observer says so; jobs under way are saved
    /// then. Throws UsageError where the first trials are all refused, and what state and runner throw: what was known
    /// before is kept.
    SearchReport run();

private:
    struct UnderWay {
        Job job{};
        int epochs = 0;
        Spent spent{};
        bool busy = false;
    };

    void fill();
    void start(const Job& job, std::size_t worker);
    void account();
    void finish(const TrialEnd& end);
    void stop_where_asked();
    void stop(SearchEnd end, const std::string& reason);
    bool any_busy() const;
    TrainConfig config_of(int trial) const;
    void say(const std::string& remark) const;
    SearchReport report() const;

    SearchState& state_;
    TrialRunner& runner_;
    std::filesystem::path folder_;
    SearchParts parts_;
    Planner planner_;
    std::vector<UnderWay> workers_;
    SearchEnd end_ = SearchEnd::finished;
    bool stopping_ = false;
    std::string reason_;
    Spent spent_;
    double at_ = 0, joules_at_ = 0;        // when it was accounted last
    double kept_at_ = 0, results_at_ = 0;  // when what was spent was written, and results were
    int refused_ = 0;                      // outcomes of this process, in a row from its first
    bool accepted_ = false;
};

/// Returns the folder of a trial's run in a search's.
std::filesystem::path trial_folder(const std::filesystem::path& folder, int trial);

/// Returns the trial with the best score, of equal ones the first; none where none has one.
std::optional<int> best_trial(const SearchFacts& facts);

}  // namespace keel::tune
