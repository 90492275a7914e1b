#include "runs/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/file.h>
#include <unistd.h>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/files.h"
#include "engine/json.h"
#include "kernels/error.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMetricsLimit = std::uint64_t{1} << 30;  // bytes

/// The files of a run, relative to its folder.
const std::vector<fs::path>& run_files() {
    static const std::vector<fs::path> files{"config.toml",
                                             "machine.json",
                                             "data.json",
                                             "metrics.csv",
                                             "metrics.jsonl",
                                             "val_predictions.csv",
                                             "divergence.jsonl",
                                             "trace.json",
                                             "report.html",
                                             "log.txt",
                                             "checkpoints/last.safetensors",
                                             "checkpoints/previous.safetensors",
                                             "checkpoints/best.safetensors"};
    return files;
}

/// Runs a call of std::filesystem that reports by error code.
template <class Call>
void must(const char* what, const fs::path& path, Call&& call) {
    std::error_code error;
    call(error);
    if (error) throw IoError(fmt::format("[run] cannot {} {}: {}", what, path.string(), error.message()));
}

std::shared_ptr<spdlog::logger> open_log(const fs::path& file, bool quiet) {
    try {
        auto to_file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
        to_file->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
        auto to_stderr = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        // On a terminal a progress bar may stand in the line: it is cleared first.
        to_stderr->set_pattern(::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K%v" : "%v");
        if (quiet) to_stderr->set_level(spdlog::level::warn);
        auto log = std::make_shared<spdlog::logger>("run", spdlog::sinks_init_list{to_file, to_stderr});
        log->flush_on(spdlog::level::info);
        return log;
    } catch (const spdlog::spdlog_ex& error) {
        throw IoError(fmt::format("[run] cannot open {}: {}", file.string(), error.what()));
    }
}

/// Adds `text` to the end of a file, all of it or nothing: a full disk takes a part. Throws IoError.
void append_text(const fs::path& file, const std::string& text) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    std::ofstream out(file, std::ios::app | std::ios::binary);
    out << text << std::flush;
    if (out) return;
    out.close();
    fs::resize_file(file, size == static_cast<std::uintmax_t>(-1) ? 0 : size, error);
    throw IoError(fmt::format("[run] cannot write to {}", file.string()));
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

/// The epoch of a line of metrics.csv, or of metrics.jsonl; -1 where there is none.
std::int64_t epoch_of_csv(const std::string& line) {
    try {
        std::size_t used = 0;
        const std::int64_t epoch = std::stoll(line, &used);
        return used == line.size() || line[used] == ',' ? epoch : -1;
    } catch (const std::exception&) {
        return -1;
    }
}

std::int64_t epoch_of_json(const std::string& line) {
    const Json row = try_parse_json(line);
    if (!row.is_object() || !row.contains("epoch") || !row["epoch"].is_number_integer()) return -1;
    return row["epoch"].get<std::int64_t>();
}

/// Keeps the first `head` lines and the rows up to `epoch`. A line without its end is what a crash left, and goes.
void cut_file(const fs::path& file, int head, std::int64_t epoch, std::int64_t (*epoch_of)(const std::string&)) {
    if (!fs::exists(file)) return;
    std::istringstream lines(read_file(file, kMetricsLimit));
    std::string kept, line;
    for (int number = 1; std::getline(lines, line); ++number) {
        if (lines.eof()) break;
        const std::int64_t of_line = number <= head ? 0 : epoch_of(line);
        if (of_line < 0) throw InputError(fmt::format("[run] {}:{} is no row of metrics", file.string(), number));
        if (number <= head || of_line <= epoch) kept += line + "\n";
    }
    write_file_atomically(file, kept);
}

}  // namespace

bool holds_run(const fs::path& path) {
    for (const fs::path& file : run_files()) {
        std::error_code error;
        if (fs::exists(path / file, error)) return true;
    }
    return false;
}

void require_allowed(const fs::path& path, ExistingRun existing) {
    if (existing == ExistingRun::refuse && holds_run(path))
        throw UsageError(fmt::format("[run] {} holds a run: go on with it by --resume auto, or replace it by --force",
                                     path.string()));
}

template <class Call>
void RunDirectory::attempt(Call&& call) {
    try {
        call();
    } catch (const IoError& error) {
        log_->error("{}", error.what());
    }
}

RunDirectory::RunDirectory(fs::path path, ExistingRun existing, bool quiet) : path_(std::move(path)) {
    require_allowed(path_, existing);
    must("make the folder", path_ / "checkpoints",
         [&](std::error_code& e) { fs::create_directories(path_ / "checkpoints", e); });

    lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // File systems that cannot lock a folder report other errors; a run there goes unguarded.
    if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        ::close(lock_);
        throw UsageError(fmt::format("[run] another process is writing to the run in {}", path_.string()));
    }
    try {
        if (existing == ExistingRun::replace)
            for (const fs::path& file : run_files())
                must("remove", path_ / file, [&](std::error_code& e) { fs::remove(path_ / file, e); });
        if (existing == ExistingRun::replace) remove_event_files(path_ / "tensorboard");
        checkpoints().remove_leftovers();
        log_ = open_log(path_ / "log.txt", quiet);
    } catch (...) {
        if (lock_ >= 0) ::close(lock_);
        throw;
    }
}

RunDirectory::RunDirectory(fs::path path, int rank) : path_(std::move(path)), writes_(false) {
    auto to_stderr = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    to_stderr->set_pattern(fmt::format("rank {}: %v", rank));
    to_stderr->set_level(spdlog::level::warn);
    log_ = std::make_shared<spdlog::logger>("run", std::move(to_stderr));
}

RunDirectory::~RunDirectory() {
    if (!pending_csv_.empty() || !pending_jsonl_.empty()) append_pending();
    if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::write_config(const std::string& toml) {
    if (writes_) write_file_atomically(config_file(), toml);
}

void RunDirectory::write_machine(const Json& machine) {
    if (writes_) write_file_atomically(path_ / "machine.json", document(machine));
}

void RunDirectory::write_data(const Json& data) {
    if (!writes_) return;
    attempt([&] { write_file_atomically(path_ / "data.json", document(data)); });
}

void RunDirectory::write_predictions(const std::string& csv) {
    if (!writes_) return;
    attempt([&] { write_file_atomically(path_ / "val_predictions.csv", csv); });
}

void RunDirectory::write_trace(const std::string& json) {
    if (!writes_) return;
    attempt([&] { write_file_atomically(path_ / "trace.json", json); });
}

void RunDirectory::write_events() {
    if (writes_) events_.emplace(path_ / "tensorboard");
}

void RunDirectory::record_error(const std::string& message) {
    if (!writes_) return;
    spdlog::logger to_file("run", log_->sinks().front());
    to_file.error("{}", message);
    to_file.flush();
}

void RunDirectory::append_metrics(const Json& row) {
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
    const fs::path csv = path_ / "metrics.csv";
    std::error_code error;
    const bool is_new = !fs::exists(csv, error) || fs::file_size(csv, error) == 0;
    pending_csv_ += (is_new && pending_csv_.empty() ? head + "\n" : "") + cells + "\n";
    pending_jsonl_ += line_of(row);
    append_pending();
    if (events_) attempt([&] { events_->append(row); });
}

void RunDirectory::append_pending() {
    attempt([&] {
        append_text(path_ / "metrics.csv", pending_csv_);
        pending_csv_.clear();
    });
    attempt([&] {
        append_text(path_ / "metrics.jsonl", pending_jsonl_);
        pending_jsonl_.clear();
    });
}

void RunDirectory::record_divergence(const Json& step) {
    if (!writes_) return;
    attempt([&] { append_text(divergence_file(), line_of(step)); });
}

void RunDirectory::cut_metrics_after(std::int64_t epoch) {
    if (!writes_) return;
    cut_file(path_ / "metrics.csv", 1, epoch, epoch_of_csv);
    cut_file(path_ / "metrics.jsonl", 0, epoch, epoch_of_json);
}

}  // namespace keel
