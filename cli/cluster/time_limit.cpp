#include "cli/cluster/time_limit.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

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

/// The first line of what `squeue` prints as the job's time left.
std::optional<double> ask_squeue(const std::string& job) {
    if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
        ::popen(("squeue -h -o %L -j " + job + " 2>/dev/null").c_str(), "r"), ::pclose);
    std::array<char, 64> line{};
    if (!pipe || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return std::nullopt;
    std::string text = line.data();
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    return duration(text);  // none for UNLIMITED, INVALID and NOT_SET
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

std::optional<double> time_granted_by_slurm() {
    const char* job = std::getenv("SLURM_JOB_ID");
    if (job == nullptr) return std::nullopt;
    const char* end = std::getenv("SLURM_JOB_END_TIME");
    if (end == nullptr) return ask_squeue(job);
    const std::string_view text = end;
    std::int64_t at = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), at);
    if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<double>(at) - now.count();
}

TimeLimit read_time_limit(const std::string& text) {
    if (text == "none") return {};
    if (!text.empty()) return TimeLimit(parse_duration(text));
    const auto granted = time_granted_by_slurm();
    return granted ? TimeLimit(*granted) : TimeLimit();
}

}  // namespace keel::cli
