// Searches for hyper-parameters under a budget, as keel tune runs them:
//
//     using namespace keel;
//     tune::SearchState state("search", plan, config, space_text, "space.toml", {.trials = 40});
//     tune::ProcessRunner runner({.command = ...});  // or a TrialRunner of one's own
//     const tune::SearchReport report = tune::Search(state, runner, "search").run();
//
// The folder is there; one that holds a search already goes on by SearchState("search").
#pragma once

#include "tune/open_search.h"
#include "tune/outcome.h"
#include "tune/planner.h"
#include "tune/process_runner.h"
#include "tune/results.h"
#include "tune/run_search.h"
#include "tune/sampler.h"
#include "tune/search.h"
#include "tune/search_state.h"
#include "tune/space.h"
#include "tune/trial_cost.h"
#include "tune/trial_runner.h"
