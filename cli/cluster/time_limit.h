// How long a run may take: what the user says, or what Slurm grants the job.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace keel::cli {

/// Seconds of a time as Slurm's --time has it: "90" (minutes), "MM:SS", "HH:MM:SS", "D-HH", "D-HH:MM" or "D-HH:MM:SS".
/// Throws UsageError for anything else, and for no time at all.
double parse_duration(const std::string& text);

class TimeLimit {
public:
    using Clock = std::chrono::steady_clock;

    /// No limit.
    TimeLimit() = default;
    /// So many seconds from `start`.
    explicit TimeLimit(double seconds, Clock::time_point start = Clock::now()) : seconds_(seconds), start_(start) {}

    bool exists() const { return seconds_.has_value(); }
    /// Returns the seconds of the whole limit; 0 without one.
    double seconds() const { return seconds_.value_or(0); }
    /// True if `needed` more seconds, and a margin for what nobody measured (5 % of the limit, at most 30 s), do not
    /// fit any more.
    bool is_over(double needed, Clock::time_point now = Clock::now()) const;

private:
    std::optional<double> seconds_;
    Clock::time_point start_;
};

/// Is told what should be known, a sentence.
using Remarks = std::function<void(const std::string&)>;

/// Returns what Slurm grants this process's job from now on, in seconds: SLURM_JOB_END_TIME (Slurm 22.05 and later),
/// else `squeue` is asked, and for `patience` at most. An end in the past is none of this job: a shell outlived its
/// own, or Slurm lets jobs run on; then squeue is asked as well. None outside a job, or where the job has no limit or
/// nobody can tell.
std::optional<double> time_granted_by_slurm(const Remarks& remark = {},
                                            std::chrono::milliseconds patience = std::chrono::seconds(10));

/// The limit of the option's text: "none", "" (what Slurm grants, if anything), or a time for parse_duration().
TimeLimit read_time_limit(const std::string& text, const Remarks& remark = {});

}  // namespace keel::cli
