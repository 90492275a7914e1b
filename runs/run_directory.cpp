#include "runs/run_directory.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/files.h"
#include "engine/json.h"
#include "engine/paths.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "runs/log_file.h"
#include "runs/metrics_files.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

std::shared_ptr<spdlog::logger> open_log(const fs::path& file, bool quiet) {
    auto to_stderr = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    // On a terminal a progress bar may stand in the line: it is cleared first.
    to_stderr->set_pattern(::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K%v" : "%v");
    if (quiet) to_stderr->set_level(spdlog::level::warn);
    auto to_file = std::make_shared<LogFile>(file, to_stderr);
    to_file->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
    auto log = std::make_shared<spdlog::logger>("run", spdlog::sinks_init_list{to_file, to_stderr});
    log->flush_on(spdlog::level::info);
    return log;
}

bool is_nan(const Json& value) { return value.is_number_float() && std::isnan(value.get<double>()); }

std::string csv_cell(const Json& value) {
    if (value.is_null() || is_nan(value)) return "";
    const std::string text = value.is_string() ? value.get<std::string>() : json_text(value);
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

std::string line_of(const Json& row) { return valid_json_text(row) + "\n"; }

/// A JSON document for people, too.
std::string document(const Json& json) { return valid_json_text(json, 2) + "\n"; }

}  // namespace

void require_allowed(const fs::path& path, ExistingRun existing) {
    if (existing == ExistingRun::refuse && holds_run(path))
        throw UsageError(fmt::format("[run] {} holds a run: go on with it by --resume auto, or replace it by --force",
                                     path.string()));
}

template <class Call>
bool RunDirectory::attempt(Call&& call) {
    const PatienceScope at_once(0);  // the run goes on meanwhile
    try {
        require_own();
        call();
        return true;
    } catch (const IoError& error) {
        log_->error("{}; it waits in memory for the next try", error.what());
        return false;
    }
}

RunDirectory::RunDirectory(fs::path path, ExistingRun existing, bool quiet, std::unique_ptr<RunLease> lease)
    : path_(std::move(path)),
      metrics_csv_(path_ / "metrics.csv"),
      metrics_jsonl_(path_ / "metrics.jsonl"),
      divergence_(path_ / "divergence.jsonl"),
      lease_(std::move(lease)) {
    require_allowed(path_, existing);
    make_folders(path_ / "checkpoints");
    if (!lease_) lease_ = std::make_unique<RunLease>(path_);
    if (existing == ExistingRun::replace)
        for (const fs::path& file : run_files()) remove_path(path_ / file);
    if (existing == ExistingRun::replace) remove_event_files(path_ / "tensorboard");
    checkpoints().remove_leftovers();
    log_ = open_log(path_ / "log.txt", quiet);
    if (!lease_->taken_over().empty()) log_->warn("{}", lease_->taken_over());
    lease_->tell([log = log_](const std::string& text) { log->warn("{}", text); });
}

RunDirectory::RunDirectory(fs::path path, int rank)
    : path_(std::move(path)),
      metrics_csv_(path_ / "metrics.csv"),
      metrics_jsonl_(path_ / "metrics.jsonl"),
      divergence_(path_ / "divergence.jsonl"),
      writes_(false) {
    auto to_stderr = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    to_stderr->set_pattern(fmt::format("rank {}: %v", rank));
    to_stderr->set_level(spdlog::level::warn);
    log_ = std::make_shared<spdlog::logger>("run", std::move(to_stderr));
}

RunDirectory::~RunDirectory() {
    if (!writes()) return;
    try {
        write_waiting();
    } catch (const UsageError&) {  // the rows are another process's now
    }
}

void RunDirectory::require_own() {
    if (!lease_) return;
    try {
        lease_->require();
    } catch (const UsageError&) {
        log_->sinks().front()->set_level(spdlog::level::off);  // log.txt
        throw;
    }
}

void RunDirectory::write_config(const std::string& toml) {
    if (!writes_) return;
    require_own();
    config_ = toml;
    write_file_atomically(config_file(), toml);
}

void RunDirectory::write_machine(const Json& machine) { write("machine.json", document(machine)); }

void RunDirectory::write_data(const Json& data) { write("data.json", document(data)); }

void RunDirectory::write_predictions(const std::string& csv) { write("val_predictions.csv", csv); }

void RunDirectory::write_trace(const std::string& json) { write("trace.json", json); }

void RunDirectory::write_spent(const Json& spent) { write("spent.json", document(spent)); }

void RunDirectory::write_events() {
    if (writes_) events_.emplace(path_ / "tensorboard");
}

void RunDirectory::write(const char* name, std::string contents) {
    if (!writes_) return;
    waiting_[name] = std::move(contents);
    write_whole_files();
}

void RunDirectory::write_whole_files() {
    std::erase_if(waiting_, [&](const auto& file) {
        return attempt([&] {
            make_folders(path_);
            write_file_atomically(path_ / file.first, file.second);
        });
    });
}

void RunDirectory::restore_config() {
    if (config_.empty()) return;
    attempt([&] {
        if (is_there(config_file())) return;
        make_folders(path_);
        write_file_atomically(config_file(), config_);
        log_->warn("{} was gone, and is written again", config_file().string());
    });
}

void RunDirectory::write_waiting() {
    restore_config();
    write_whole_files();
    for (GrowingFile* file : {&metrics_csv_, &metrics_jsonl_, &divergence_})
        if (file->waits()) attempt([&] { file->flush(); });
    if (events_ && events_->waits()) attempt([&] { events_->flush(); });
}

void RunDirectory::record_error(const std::string& message) {
    if (!writes()) return;
    spdlog::logger to_file("run", log_->sinks().front());
    to_file.error("{}", message);
    to_file.flush();
}

void RunDirectory::append_metrics(const Json& row, const Json& more) {
    if (!writes_) return;
    std::string head, cells;
    for (const auto& [key, value] : row.items()) {
        if (!cells.empty()) {
            head += ',';
            cells += ',';
        }
        head += csv_cell(key);
        cells += csv_cell(value);
    }
    metrics_csv_.add(cells + "\n", head + "\n");
    Json whole = row;
    whole.update(more);
    metrics_jsonl_.add(line_of(whole));
    if (events_) events_->add(row);
    write_waiting();
}

void RunDirectory::record_divergence(const Json& step) {
    if (!writes_) return;
    divergence_.add(line_of(step));
    write_waiting();
}

void RunDirectory::cut_metrics_after(std::int64_t epoch) {
    if (!writes_) return;
    require_own();
    for (const auto& [file, form] :
         {std::pair(&metrics_csv_, MetricsForm::csv), std::pair(&metrics_jsonl_, MetricsForm::jsonl)})
        for (const std::string& remark : cut_metrics(file->path(), form, epoch)) log_->warn("{}", remark);
}

}  // namespace keel
