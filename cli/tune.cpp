// keel tune
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "cli/app.h"
#include "cli/cluster/attempt.h"
#include "cli/cluster/cpu_claims.h"
#include "cli/cluster/signals.h"
#include "cli/cluster/trial_launcher.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/train_options.h"
#include "tune/run_search.h"

namespace keel::cli {
namespace {

struct TuneArguments {
    tune::SearchRun search;
    std::string out, space, resume, hosts, mpirun = "mpirun";
    LaunchOptions launch;
};

int run(const CLI::App& app, TuneArguments& o, const Globals& globals) {
    tune::SearchRequest& request = o.search.request;
    request.folder = o.out;
    request.space = o.space;
    request.resume = !o.resume.empty();
    request.plan.seed = globals.seed.value_or(0);
    request.plan.threads = globals.threads;
    if (gives_config(app)) request.config = read_train_config(app);
    take_launcher(o.launch, o.mpirun);
    TrialLauncher launcher(o.launch, o.hosts);
    request.complete = [&launcher](tune::SearchPlan& plan) { launcher.take(plan); };
    CpuClaims::of_process().release();  // the trials compute, not this process
    catch_stop_signals();
    give_time();
    o.search.processes.command = [&](int worker, const auto& words) { return launcher.command(worker, words); };
    o.search.should_stop = [] { return stop_signal() == 0 ? "" : fmt::format("signal {}", stop_signal()); };
    o.search.tell = [](const std::string& text) { spdlog::info("[tune] {}", text); };
    o.search.warn = [](const std::string& text) { spdlog::warn("[tune] {}", text); };
    o.search.notes = [&] { return launcher.notes(); };
    const tune::SearchResult result = tune::run_search(o.search);
    print_result(globals, result.text.object, result.text.text);
    if (result.report.end != tune::SearchEnd::stopped) return kSuccess;
    return stop_signal() == 0 ? static_cast<int>(kStoppedResumable) : exit_code_of(stop_signal());
}

}  // namespace

Run add_tune(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<TuneArguments>();
    tune::SearchPlan& plan = o->search.request.plan;
    tune::Budget& budget = o->search.request.budget;
    add_config_options(app);
    add_text(app, "--space", o->space, "FILE", "what is searched, TOML: lr = { log_uniform = [1e-4, 0.1] }, ...");
    add_text(app, "--out", o->out, "DIR", "the search's folder", Need::required);
    add_choice(app, "--resume", o->resume, {"auto"}, "go on with the search in --out, or begin it");
    add_flag(app, "--force", o->search.request.force, "begin anew: a search in --out goes, with its trials");
    add_number(app, "--trials", budget.trials, at_least(0), "configurations to try; 0: no limit");
    add_number(app, "--core-hours", budget.core_hours, at_least(0), "cores times hours to use; 0: no limit");
    add_number(app, "--hours", budget.hours, at_least(0), "hours in which something runs; 0: no limit");
    add_number(app, "--kwh", budget.kwh, at_least(0), "energy to use [kWh]; 0: no limit");
    add_choice(app, "--method", plan.method, {"asha", "halving", "full"},
               "trials that go on: the best so far (asha), the best of brackets (halving), all (full)");
    add_choice(app, "--search", plan.sampler, {"tpe", "random"}, "how configurations are proposed");
    add_number(app, "--eta", plan.eta, from_to(2, 100), "one trial of so many goes on, to so many times the epochs");
    add_number(app, "--min-epochs", plan.min_epochs, at_least(1), "epochs of the first rung, at least");
    add_text(app, "--metric", plan.metric, "COLUMN", "of metrics.jsonl; auto: mean AUROC of labels, AUC of classes");
    add_number(app, "--parallel", plan.parallel, from_to(1, 1024), "trials side by side");
    add_number(app, "--ranks", plan.ranks, from_to(1, 1024), "ranks of each trial, started by mpirun");
    add_text(app, "--hosts", o->hosts, "HOST:N,...", "hosts of trials and the ranks that each can run");
    add_flag(app, "--oversubscribe", o->launch.oversubscribe, "let mpirun start more ranks than there are cores");
    add_text(app, "--mpirun", o->mpirun, "TEXT", "program that starts ranks, and options of its own");
    add_text(app, "--power-file", o->search.energy.power_file, "FILE", "with the watts, kept by something else");
    add_number(app, "--package-watts", o->search.energy.package_watts, at_least(0),
               "of a busy package; 0: by its name");
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
