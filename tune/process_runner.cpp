#include "tune/process_runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <thread>
#include <utility>

#include "engine/descriptor.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "runs/run_lease.h"
#include "train/config_file.h"
#include "tune/trial_score.h"

namespace keel::tune {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// What keel train returns.
constexpr int kDone = 0, kUsage = 2, kInput = 3, kNotFinite = 4, kStorage = 5, kSaved = 75, kPressed = 130;

constexpr auto kLook = 20ms;  // at all processes under way
constexpr auto kFormerTrial = 180s;

/// Locks a file for as long as a process that inherits the descriptor lives, and waits for one that has it: those of a
/// search that was killed save what they have. They may not have come to their run's lease yet.
Descriptor lock_for_process(const fs::path& file) {
    Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT, 0666));  // no O_CLOEXEC: the process inherits it
    const auto until = std::chrono::steady_clock::now() + kFormerTrial;
    while (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) break;  // no locks on this file system: leases are left
        if (std::chrono::steady_clock::now() > until)
            throw UsageError(fmt::format("[tune] a process of an earlier search still has {}", file.string()));
        std::this_thread::sleep_for(50ms);
    }
    return lock;
}

/// Waits until nobody writes to a run, on another machine maybe.
void wait_for_former_process(const fs::path& run) {
    const auto until = std::chrono::steady_clock::now() + kFormerTrial;
    while (is_there(RunLease::file_of(run))) {
        try {
            const RunLease lease(run);
            return;
        } catch (const UsageError&) {
            if (std::chrono::steady_clock::now() > until) throw;
            std::this_thread::sleep_for(200ms);
        }
    }
}

fs::path lock_file_of(const TrainConfig& config) { return config.out + ".lock"; }

fs::path config_file_of(const TrainConfig& config) { return config.out + ".toml"; }

}  // namespace

ProcessRunner::ProcessRunner(ProcessOptions options) : options_(std::move(options)) {
    if (!options_.say) options_.say = [](const std::string&) {};
}

void ProcessRunner::start(const TrialOrder& order) {
    Trial& trial = trials_[order.worker] = Trial{.order = order};
    TrainConfig& config = trial.order.config;
    config.pause_after = pause_of(order);
    try {
        check_train_config(config);
    } catch (const UsageError& error) {
        trial.over = true;
        ready_.push_back({order.worker, failed_job(Ending::refused, 0, error.what())});
        return;
    }
    make_folders(fs::path(config.out).parent_path());
    write_file_atomically(config_file_of(config), to_toml(config));
    begin(trial);
}

void ProcessRunner::begin(Trial& trial) {
    ++trial.starts;
    trial.last_line.clear();
    const TrainConfig& config = trial.order.config;
    const Descriptor lock = lock_for_process(lock_file_of(config));
    wait_for_former_process(config.out);
    trial.child = std::make_unique<Child>(
        options_.command(trial.order.worker, {"train", "--config", config_file_of(config).string(), "--out", config.out,
                                              "--resume", "auto", "--quiet"}),
        ChildOutput::lines);
    if (stopping_) trial.child->signal(SIGUSR1);
}

/// What became of a process that has ended; none where it is started again.
std::optional<TrialEnd> ProcessRunner::conclude(Trial& trial) {
    const int code = trial.child->code(), worker = trial.order.worker;
    trial.child.reset();
    const TrialScore score = read_trial_score(trial.order.config.out, options_.metric, trial.order.epochs);
    if (code == kDone || ((code == kSaved || code == kPressed) && score.epochs >= trial.order.epochs)) {
        if (std::isnan(score.best) && !std::exchange(said_undefined_, true))
            options_.say(fmt::format("trial {} has no {}: it counts as the worst, as do others without",
                                     trial.order.job.trial, score.metric.empty() ? "score" : score.metric));
        return TrialEnd{worker, Outcome{.score = score.best, .epochs = score.epochs}};
    }
    trial.over = true;
    if (code == kUsage || code == kInput)
        return TrialEnd{worker, failed_job(Ending::refused, score.epochs, trial.last_line)};
    if (code == kNotFinite) return TrialEnd{worker, failed_job(Ending::diverged, score.epochs, trial.last_line)};
    trial.over = false;
    if (stopping_ || code == kSaved || code == kPressed) return TrialEnd{worker, std::nullopt};
    if (trial.starts <= options_.retries) {
        options_.say(fmt::format("trial {} ended with {}: it goes on from its last checkpoint ({})",
                                 trial.order.job.trial, code, one_line(trial.last_line)));
        begin(trial);
        return std::nullopt;
    }
    if (code == kStorage)
        throw IoError(fmt::format("[tune] trial {}: {}", trial.order.job.trial, one_line(trial.last_line)));
    return TrialEnd{worker,
                    failed_job(Ending::crashed, score.epochs, fmt::format("exit code {}: {}", code, trial.last_line))};
}

/// Looks at each process once, kLook in all.
std::optional<TrialEnd> ProcessRunner::look() {
    const auto under_way = std::ranges::count_if(trials_, [](const auto& t) { return t.second.child != nullptr; });
    if (under_way == 0) return std::nullopt;
    for (auto& [worker, trial] : trials_) {
        if (!trial.child) continue;
        const auto line = [&last = trial.last_line](const std::string& text) {
            if (text.find_first_not_of(" \t\r\n") != std::string::npos)
                last = text.substr(0, text.find_last_not_of("\r\n") + 1);
        };
        if (trial.child->wait(std::max<std::chrono::milliseconds>(1ms, kLook / under_way), line)) continue;
        if (auto end = conclude(trial)) return end;
    }
    return std::nullopt;
}

std::optional<TrialEnd> ProcessRunner::wait(double seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    if (!ready_.empty()) {
        const TrialEnd end = std::move(ready_.front());
        ready_.pop_front();
        return end;
    }
    do {
        if (auto end = look()) return end;
    } while (std::chrono::steady_clock::now() < until);
    return std::nullopt;
}

void ProcessRunner::stop() {
    stopping_ = true;
    for (const auto& [worker, trial] : trials_)
        if (trial.child) trial.child->signal(SIGUSR1);
}

void ProcessRunner::settled(int worker) {
    const Trial& trial = trials_.at(worker);
    const fs::path checkpoints = fs::path(trial.order.config.out) / "checkpoints";
    remove_path(lock_file_of(trial.order.config));
    // A pause is saved, read back and compared: what was before it is of no use. The best stays in any case.
    remove_path(checkpoints / "previous.safetensors");
    if (trial.over || trial.order.epochs == trial.order.config.epochs) remove_path(checkpoints / "last.safetensors");
}

}  // namespace keel::tune
