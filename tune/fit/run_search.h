// The search's loop: asks for the next step, has it done, notes what came of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tune/fit/search.h"

namespace keel::fit {

/// Who does the steps.
class Measuring {
public:
    virtual ~Measuring() = default;

    /// Makes the candidate's model, trains it where it wants that, and measures it. An Error but IoError, and memory
    /// that is not there, is one candidate's failure; what else is thrown ends the search.
    virtual Figures measure(const Candidate& candidate) = 0;
    /// Returns the speed of a body in a form before it is trained. Throws likewise.
    virtual Speed probe(const Body& body, Form form) = 0;
};

struct SearchResult {
    std::vector<Stage> stages{};
    Knowledge known{};
    Limits limits{};
    SearchOptions options{};
    Verdict verdict{};
    bool out_of_time = false;  ///< there was more to do
};

struct SearchHooks {
    std::function<bool()> out_of_time{};                          ///< asked before each step but the first
    std::function<void(const Step& step)> on_step{};              ///< begins
    std::function<void(const Measured& measured)> on_measured{};  ///< is known now
    std::function<void(const Probe& probe)> on_probe{};
};

/// Searches until next_step() has no more, or time is out. Throws what Measuring does not allow for, and any failure of
/// the checkpoint itself.
SearchResult run_search(const Space& space, const Wishes& wishes, Measuring& measuring, const SearchOptions& options,
                        const SearchHooks& hooks = {});

}  // namespace keel::fit
