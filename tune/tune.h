// Searches for hyper-parameters under a budget, over whatever has a score:
//
//     using namespace keel;
//     const tune::OpenedSearch opened = tune::open_search({.folder = "search", .resume = true, .config = config,
//         .space_text = "width = { log_integer = [8, 64], own = true }", .plan = {.threads = thread_count()},
//         .budget = {.trials = 40}});
//     tune::FunctionRunner runner([](const tune::Trial& trial) { return score(trial.number("width")); });
//     const tune::SearchReport report = tune::Search(*opened.state, runner, "search").run();
//
// The same program goes on with a search that was stopped or killed. keel tune has trials run by processes instead
// (process_runner.h, run_search.h).
#pragma once

#include "tune/function_runner.h"
#include "tune/open_search.h"
#include "tune/outcome.h"
#include "tune/planner.h"
#include "tune/results.h"
#include "tune/sampler.h"
#include "tune/search.h"
#include "tune/search_state.h"
#include "tune/space.h"
#include "tune/trial_runner.h"
