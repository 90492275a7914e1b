// How far a long piece of work is: a bar that is redrawn on a terminal, else a plain line every few seconds.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <utility>

namespace keel {

struct ProgressOptions {
    bool terminal = false;  ///< redraw one line of `width` columns
    bool quiet = false;     ///< write nothing
    int width = 80;
    std::chrono::milliseconds redraw{100};  ///< between two drawings of the bar, at least
    std::chrono::milliseconds line{5000};   ///< between two plain lines, at least
    std::function<std::chrono::steady_clock::time_point()> now = [] { return std::chrono::steady_clock::now(); };
};

/// Options for stderr as it is: a terminal of its width or not.
ProgressOptions stderr_progress(bool quiet);

/// Not for several threads at once.
class Progress {
public:
    /// `label` begins the line ("epoch 3/10"); `out` outlives the object.
    Progress(std::ostream& out, std::string label, ProgressOptions options);
    /// Ends the bar's line.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// `done` of `total` (0: unknown); NaN leaves the loss or the rate out. The time left is extrapolated from what was
    /// done since the first call, so that a resumed epoch is not taken for a fast one.
    void update(std::int64_t done, std::int64_t total, double loss = std::numeric_limits<double>::quiet_NaN(),
                double images_per_second = std::numeric_limits<double>::quiet_NaN());

    /// What stands behind all else of the line from the next update() on.
    void append(std::string fact) { fact_ = std::move(fact); }

    /// Writes the last state if it is not on the screen yet, and ends the line. update() may follow and begins another.
    void finish();

private:
    using Time = std::chrono::steady_clock::time_point;

    std::string text(Time now) const;
    void write(Time now);

    std::ostream& out_;
    std::string label_, fact_;
    ProgressOptions options_;
    std::int64_t first_done_ = -1, done_ = 0, total_ = 0;
    double loss_ = 0.0, images_per_second_ = 0.0;
    Time began_, written_;
    bool line_open_ = false, stale_ = false;
};

}  // namespace keel
