// What became of a trial's job.
#pragma once

#include <limits>
#include <string>
#include <string_view>

namespace keel::tune {

enum class Ending {
    complete,  ///< trained to its rung
    diverged,  ///< a loss, or the model's answers, were not finite
    refused,   ///< the configuration, or the data with it, cannot be honoured: limits of memory as well
    crashed    ///< ended by a signal, out of memory, or a bug
};
inline constexpr std::string_view kEndings[] = {"complete", "diverged", "refused", "crashed"};

struct Outcome {
    Ending ending = Ending::complete;
    /// The best that the metric was so far; NaN where it is undefined or the job failed.
    double score = std::numeric_limits<double>::quiet_NaN();
    int epochs = 0;                                    ///< of the trial, in all
    double seconds = 0, core_seconds = 0, joules = 0;  ///< of the job, over all processes that it took
    std::string message{};                             ///< the last that a failed one said
};

/// Returns the outcome of a job that failed after so many epochs: of what it said 500 bytes at most, in one line.
Outcome failed_job(Ending ending, int epochs, const std::string& message);

/// Returns what a job said as tables and lines show it.
std::string one_line(std::string text);

/// What a search has used: time in which something ran, cores times time, energy.
struct Spent {
    double seconds = 0, core_seconds = 0, joules = 0;

    bool operator==(const Spent&) const = default;
};

/// What a search may use; 0: no limit.
struct Budget {
    int trials = 0;
    double core_hours = 0, hours = 0, kwh = 0;

    bool operator==(const Budget&) const = default;
    bool has_limit() const { return trials > 0 || core_hours > 0 || hours > 0 || kwh > 0; }
};

/// Returns the limit that is used up, as "12 core hours"; empty where none is.
std::string used_up(const Budget& budget, const Spent& spent);

}  // namespace keel::tune
