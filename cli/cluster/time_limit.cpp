#include "cli/cluster/time_limit.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <vector>

#include "distributed/processes/child.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

/// The number that all of `text` is: at most six digits, none of them a sign.
std::optional<double> whole_number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.size() > 6 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<double> duration(std::string_view text) {
    double days = 0;
    const std::size_t dash = text.find('-');
    const bool has_days = dash != std::string_view::npos;
    if (has_days) {
        const auto number = whole_number(text.substr(0, dash));
        if (!number) return std::nullopt;
        days = *number;
        text.remove_prefix(dash + 1);
    }
    std::vector<double> parts;
    for (bool more = true; more;) {
        const std::size_t colon = text.find(':');
        const auto number = whole_number(text.substr(0, colon));
        if (!number) return std::nullopt;
        parts.push_back(*number);
        more = colon != std::string_view::npos;
        if (more) text.remove_prefix(colon + 1);
    }
    if (parts.size() > 3) return std::nullopt;
    // Behind days the parts are hours first; without, a single number is minutes and two are minutes and seconds.
    if (!has_days && parts.size() < 3) parts.insert(parts.begin(), 0);
    parts.resize(3);
    return ((days * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2];
}

/// The first line of what `squeue` prints as the job's time left. Its controller may be down or slow, for minutes.
std::optional<double> ask_squeue(const std::string& job, const Remarks& remark, std::chrono::milliseconds patience) {
    if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    std::string text;
    // What a child says on stderr can be read.
    Child squeue({"sh", "-c", "exec squeue -h -o %L -j " + job + " 1>&2 2>/dev/null"});
    const auto until = std::chrono::steady_clock::now() + patience;
    while (squeue.wait(std::chrono::milliseconds(50), [&](const std::string& line) {
        if (text.empty()) text = line;
    })) {
        if (std::chrono::steady_clock::now() < until) continue;
        if (remark)
            remark(
                fmt::format("squeue did not answer within {} s: the run knows no time limit (--time-limit gives one)",
                            std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
        return std::nullopt;
    }
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    return duration(text);  // none for UNLIMITED, INVALID and NOT_SET
}

/// Seconds from now until SLURM_JOB_END_TIME; none where it is no time.
std::optional<double> until_job_end(std::string_view text) {
    std::int64_t at = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), at);
    if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<double>(at) - now.count();
}

}  // namespace

double parse_duration(const std::string& text) {
    const auto seconds = duration(text);
    if (!seconds || *seconds <= 0)
        throw UsageError(
            fmt::format("[train] time_limit: wanted minutes, HH:MM:SS, D-HH:MM:SS or none, not '{}'", text));
    return *seconds;
}

bool TimeLimit::is_over(double needed, Clock::time_point now) const {
    if (!seconds_) return false;
    const double margin = std::min(30.0, 0.05 * *seconds_);
    return std::chrono::duration<double>(now - start_).count() + needed + margin > *seconds_;
}

std::optional<double> time_granted_by_slurm(const Remarks& remark, std::chrono::milliseconds patience) {
    const char* const job = std::getenv("SLURM_JOB_ID");
    if (job == nullptr) return std::nullopt;
    const char* const end = std::getenv("SLURM_JOB_END_TIME");
    const std::optional<double> left = end != nullptr ? until_job_end(end) : std::nullopt;
    if (left && *left > 0) return left;
    if (end != nullptr && !left) return std::nullopt;
    const std::optional<double> asked = ask_squeue(job, remark, patience);
    // Of a job whose time is over squeue says 0:00.
    const std::optional<double> granted = asked && *asked > 0 ? asked : std::nullopt;
    if (left && remark)
        remark(fmt::format("SLURM_JOB_END_TIME was {:.0f} s ago, so that it is not this job's end: {}", -*left,
                           granted ? fmt::format("squeue says that {:.0f} s are left", *granted)
                                   : "the run knows no time limit (--time-limit gives one)"));
    return granted;
}

TimeLimit read_time_limit(const std::string& text, const Remarks& remark) {
    if (text == "none") return {};
    if (!text.empty()) return TimeLimit(parse_duration(text));
    const auto granted = time_granted_by_slurm(remark);
    return granted ? TimeLimit(*granted) : TimeLimit();
}

}  // namespace keel::cli
