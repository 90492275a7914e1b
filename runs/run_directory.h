// The folder of a training run: config.toml, machine.json, data.json, metrics.csv, metrics.jsonl, val_predictions.csv,
// divergence.jsonl, trace.json, spent.json, log.txt, report.html, checkpoints/ and tensorboard/.
#pragma once

#include <spdlog/logger.h>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/json.h"
#include "runs/event_file.h"
#include "runs/growing_file.h"
#include "runs/run_files.h"
#include "runs/run_lease.h"
#include "train/checkpoints.h"

namespace keel {

/// What to do about a run that is in the folder already: refuse, go on with it, or remove it.
enum class ExistingRun { refuse, resume, replace };

class RunDirectory {
public:
    /// Makes the folder and opens log.txt. With `refuse` a UsageError that names --resume and --force if a run is
    /// there; `replace` removes the run's own files and no others; `resume` keeps all and is content with a new folder,
    /// too. Throws UsageError if another process writes to the run, IoError where the system refuses. `lease` is one of
    /// this folder that the caller has taken already; none: it is taken here.
    RunDirectory(std::filesystem::path path, ExistingRun existing, bool quiet,
                 std::unique_ptr<RunLease> lease = nullptr);
    /// Stands in on a rank that is not the first: nothing is read or written here; warnings and errors go to stderr
    /// with its number.
    RunDirectory(std::filesystem::path path, int rank);
    ~RunDirectory();
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;

    /// False on ranks that are not the first, and once another process has taken the run over.
    bool writes() const { return writes_ && !lost(); }
    /// Returns whether it is known that another process has taken the run over.
    bool lost() const { return lease_ && lease_->lost(); }
    /// Throws UsageError once another process has taken the run over: from then on nothing is written here, the log
    /// included. Called before anything is. IoError where the disk cannot tell.
    void require_own();
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path config_file() const { return path_ / "config.toml"; }
    std::filesystem::path divergence_file() const { return path_ / "divergence.jsonl"; }
    std::filesystem::path spent_file() const { return path_ / "spent.json"; }
    Checkpoints checkpoints() const { return Checkpoints(path_ / "checkpoints"); }

    /// Replaces config.toml, and writes it again with a word where it is gone later. Throws IoError.
    void write_config(const std::string& toml);
    // What follows does not end a run: a disk that refuses is logged, and what it refused kept for the next try, with
    // the next row of metrics or when the run ends.

    /// Replaces machine.json.
    void write_machine(const Json& machine);
    /// Replaces val_predictions.csv: those of the best checkpoint.
    void write_predictions(const std::string& csv);
    /// Replaces data.json: what was found and used of the data.
    void write_data(const Json& data);
    /// Replaces trace.json.
    void write_trace(const std::string& json);
    /// Replaces spent.json: what the run took so far (runs/energy/run_cost.h).
    void write_spent(const Json& spent);
    /// From now on rows of metrics go to a new file in tensorboard/, too.
    void write_events();

    /// Adds a row to metrics.csv and metrics.jsonl and flushes. `row` is a flat object whose first key is "epoch", a
    /// whole number; all rows of a run have the same keys in the same order. NaN is an empty cell and null. `more` goes
    /// to metrics.jsonl alone, whose rows may differ.
    void append_metrics(const Json& row, const Json& more = Json::object());

    /// Adds a step that was not applied to divergence.jsonl.
    void record_divergence(const Json& step);

    /// Removes the rows of later epochs than `epoch`, and what cut_metrics() (runs/metrics_files.h) takes for no rows,
    /// which is logged. For a resumed run, before its first append.
    void cut_metrics_after(std::int64_t epoch);

    /// Goes to log.txt, with the time, and to stderr (only warnings and errors with `quiet`).
    spdlog::logger& log() { return *log_; }

    /// Goes to log.txt alone: the program prints what ends it.
    void record_error(const std::string& message);

private:
    /// Logs what the system refuses: a run does not end for that. False where it does.
    template <class Call>
    bool attempt(Call&& call);
    void write(const char* name, std::string contents);
    void write_whole_files();
    void restore_config();
    /// Tries again what the disk did not take.
    void write_waiting();

    std::filesystem::path path_;
    std::string config_;                          // as it was written
    std::map<std::string, std::string> waiting_;  // whole files that the disk did not take, by name
    GrowingFile metrics_csv_, metrics_jsonl_, divergence_;
    std::shared_ptr<spdlog::logger> log_;
    std::optional<EventFile> events_;
    std::unique_ptr<RunLease> lease_;
    bool writes_ = true;
};

/// Throws the UsageError of RunDirectory(path, existing, ...) where a run is in the folder already; makes nothing.
void require_allowed(const std::filesystem::path& path, ExistingRun existing);

}  // namespace keel
