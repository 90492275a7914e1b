#include "tune/open_search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/files.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "runs/run_lease.h"
#include "train/config_file.h"

namespace keel::tune {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kSpaceLimit = 1 << 20;  // bytes

/// The space that was asked for, if one was.
std::optional<TomlSource> space_of(const SearchRequest& request) {
    if (!request.space_text.empty()) return TomlSource{request.space_text, "the space"};
    if (request.space.empty()) return std::nullopt;
    return TomlSource{read_file(request.space, kSpaceLimit), request.space.string()};
}

void require_options(const SearchRequest& request, const Space& space) {
    const auto own = std::ranges::find(space.parameters, true, &Parameter::own);
    if (request.options_only && own != space.parameters.end())
        throw UsageError(
            fmt::format("[tune] the space's '{}' is of a program of its own, no option of keel train", own->key));
}

/// "eta was 3, is 4" for each field that was asked for, and is another one.
std::vector<std::string> changes(const SearchPlan& asked, const SearchPlan& there) {
    const SearchPlan declared;
    std::vector<std::string> list;
    const auto compare = [&](const char* name, auto SearchPlan::*field) {
        if (asked.*field != declared.*field && asked.*field != there.*field)
            list.push_back(fmt::format("{} was {}, is {}", name, there.*field, asked.*field));
    };
    compare("method", &SearchPlan::method);
    compare("search", &SearchPlan::sampler);
    compare("eta", &SearchPlan::eta);
    compare("min_epochs", &SearchPlan::min_epochs);
    compare("parallel", &SearchPlan::parallel);
    compare("ranks", &SearchPlan::ranks);
    compare("threads", &SearchPlan::threads);
    compare("metric", &SearchPlan::metric);
    compare("seed", &SearchPlan::seed);
    return list;
}

std::vector<std::string> changes(const TrainConfig& asked, const TrainConfig& there) {
    std::vector<std::string> list;
    for (const Option<TrainConfig>& option : train_options()) {
        if (option.key == "out" || option.key == "threads") continue;
        const std::string was = option_text(there, option), is = option_text(asked, option);
        if (was != is) list.push_back(fmt::format("{} was {}, is {}", option.key, was, is));
    }
    return list;
}

void require_same_search(const SearchRequest& request, const SearchFacts& facts) {
    std::vector<std::string> list = changes(request.plan, facts.plan);
    if (request.config)
        for (std::string& change : changes(*request.config, facts.config)) list.push_back(std::move(change));
    if (const auto space = space_of(request);
        space && read_space(space->text, space->origin, facts.config) != facts.space)
        list.push_back(fmt::format("{} is another space", space->origin));
    SearchPlan completed = facts.plan;
    if (request.complete) request.complete(completed);
    for (std::string& change : changes(completed, facts.plan)) list.push_back(std::move(change));
    if (!list.empty())
        throw UsageError(
            fmt::format("[tune] {} holds another search: {}", request.folder.string(), fmt::join(list, "; ")));
}

/// What was asked for, else what was there.
Budget merged(const Budget& asked, const Budget& there) {
    const auto chosen = [](auto a, auto b) { return a > 0 ? a : b; };
    return {chosen(asked.trials, there.trials), chosen(asked.core_hours, there.core_hours),
            chosen(asked.hours, there.hours), chosen(asked.kwh, there.kwh)};
}

OpenedSearch resumed(const SearchRequest& request, std::shared_ptr<RunLease> lease) {
    OpenedSearch opened{std::move(lease), std::make_unique<SearchState>(request.folder), {}};
    const SearchFacts& facts = opened.state->facts();
    require_same_search(request, facts);
    require_options(request, facts.space);
    if (opened.state->was_cut())
        opened.remarks.emplace_back("the last line of the search's file was cut off, and is left out");
    if (const Budget budget = merged(request.budget, facts.budget); budget != facts.budget)
        opened.state->set_budget(budget);
    opened.remarks.push_back(fmt::format("goes on after {} trials, {} of their rungs, {:.2f} core hours",
                                         facts.points.size(), facts.outcomes.size(), facts.spent.core_seconds / 3600));
    return opened;
}

void remove_search(const fs::path& folder) {
    std::error_code refused;
    fs::remove_all(folder / "trials", refused);
    if (refused)
        throw IoError(fmt::format("[tune] cannot remove {}: {}", (folder / "trials").string(), refused.message()));
    for (const char* name : {"tune.jsonl", "trials.csv", "trials.jsonl", "best.toml", "report.html"})
        remove_path(folder / name);
}

}  // namespace

OpenedSearch open_search(const SearchRequest& request) {
    const fs::path& folder = request.folder;
    const bool there = is_there(SearchState::file_of(folder));
    if (there && !request.resume && !request.force)
        throw UsageError(fmt::format("[tune] {} holds a search: --resume auto goes on with it, --force begins anew",
                                     folder.string()));
    if (there && request.resume) return resumed(request, std::make_shared<RunLease>(folder));
    if (!request.config || (request.space.empty() && request.space_text.empty()))
        throw UsageError(fmt::format("[tune] a new search in {} wants --config and --space", folder.string()));
    if (!request.budget.has_limit())
        throw UsageError("[tune] a search wants a budget: --trials, --core-hours, --hours or --kwh, none came");
    const TomlSource space = *space_of(request);
    SearchPlan plan = request.plan;
    if (request.complete) request.complete(plan);
    // What is wrong leaves no folder behind.
    require_options(request, read_space(space.text, space.origin, *request.config));
    check_plan(plan);
    rungs_of(plan, *request.config);
    make_folders(folder);
    auto lease = std::make_shared<RunLease>(folder);
    if (request.force) remove_search(folder);
    // Trials would go on from what another search left there.
    if (is_there(folder / "trials"))
        throw UsageError(fmt::format("[tune] {} holds trials, but no search that they are of: --force removes them",
                                     folder.string()));
    OpenedSearch opened{std::move(lease), nullptr, {}};
    opened.state =
        std::make_unique<SearchState>(folder, plan, *request.config, space.text, space.origin, request.budget);
    return opened;
}

}  // namespace keel::tune
