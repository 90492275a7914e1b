#include "tune/run_search.h"

#include "tune/results.h"
#include "tune/search.h"
#include "tune/trial_cost.h"

namespace keel::tune {
namespace {

class Teller final : public SearchObserver {
public:
    explicit Teller(const SearchRun& run) : run_(run) {}

    void on_outcome(const Job& job, const Outcome& outcome, const SearchFacts& facts) override {
        run_.tell(outcome_text(job, outcome, facts));
    }
    std::string should_stop() override { return run_.should_stop(); }

private:
    const SearchRun& run_;
};

}  // namespace

SearchResult run_search(const SearchRun& run) {
    SearchRequest request = run.request;
    request.options_only = true;  // processes of keel train know no others
    const OpenedSearch opened = open_search(request);
    for (const std::string& remark : opened.remarks) run.tell(remark);
    for (const std::string& note : run.notes()) run.warn(note);
    const auto meter = std::make_shared<EnergyMeter>(run.energy);
    for (const std::string& note : meter->take_notes()) run.tell(note);
    const SearchFacts& facts = opened.state->facts();
    const auto& folder = run.request.folder;

    ProcessOptions processes = run.processes;
    processes.metric = facts.plan.metric;
    processes.say = run.warn;
    ProcessRunner runner(std::move(processes));
    Teller teller(run);
    const auto write = [&](const SearchFacts& now) { write_results(now, folder, meter->read().estimated); };
    Search search(*opened.state, runner, folder,
                  {&teller, [meter] { return meter->read().joules; }, epoch_cost(), write});
    SearchReport report = search.run();
    SearchText text = search_text(report, facts, folder, meter->read().estimated);
    return {std::move(report), std::move(text)};
}

}  // namespace keel::tune
