#include "runs/terminal/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>
#include <cstddef>
#include <utility>

namespace keel {
namespace {

/// 59 -> "59s", 75 -> "1m15s", 3700 -> "1h01m".
std::string left_text(double seconds) {
    const auto s = static_cast<std::int64_t>(std::lround(std::min(seconds, 1e9)));
    if (s < 60) return fmt::format("{}s", s);
    if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
    return fmt::format("{}h{:02}m", s / 3600, s % 3600 / 60);
}

constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

ProgressOptions stderr_progress(bool quiet) {
    ProgressOptions options;
    options.quiet = quiet;
    options.terminal = ::isatty(STDERR_FILENO) == 1;
    winsize size{};
    if (options.terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        options.width = size.ws_col;
    return options;
}

Progress::Progress(std::ostream& out, std::string label, ProgressOptions options)
    : out_(out), label_(std::move(label)), options_(std::move(options)), began_(options_.now()), written_(began_) {}

Progress::~Progress() {
    if (line_open_) out_ << '\n' << std::flush;
}

void Progress::update(std::int64_t done, std::int64_t total, double loss, double images_per_second) {
    const Time now = options_.now();
    const bool first = first_done_ < 0;
    if (first) {
        first_done_ = done;
        began_ = now;
    }
    done_ = done;
    total_ = total;
    loss_ = loss;
    images_per_second_ = images_per_second;
    stale_ = true;
    // A bar is drawn at once, so that something is to be seen; a plain line is worth writing once there is something to
    // tell.
    const bool due = now - written_ >= (options_.terminal ? options_.redraw : options_.line);
    if (due || (first && options_.terminal)) write(now);
}

void Progress::finish() {
    if (stale_) write(options_.now());
    if (line_open_) out_ << '\n' << std::flush;
    line_open_ = false;
    first_done_ = -1;
}

void Progress::write(Time now) {
    stale_ = false;
    written_ = now;
    if (options_.quiet) return;
    line_open_ = options_.terminal;
    if (options_.terminal)
        out_ << kClearLine << text(now) << std::flush;
    else
        out_ << text(now) << '\n' << std::flush;
}

std::string Progress::text(Time now) const {
    std::string facts = total_ > 0 ? fmt::format("{}/{}", done_, total_) : fmt::format("{}", done_);
    if (!std::isnan(loss_)) facts += fmt::format("  loss {:.4f}", loss_);
    if (!std::isnan(images_per_second_)) facts += fmt::format("  {:.1f} img/s", images_per_second_);
    const double elapsed = std::chrono::duration<double>(now - began_).count();
    if (done_ > first_done_ && total_ > done_)
        facts += "  ETA " +
                 left_text(elapsed * static_cast<double>(total_ - done_) / static_cast<double>(done_ - first_done_));
    if (!fact_.empty()) facts += "  " + fact_;
    if (!options_.terminal) return label_ + "  " + facts;

    // One column stays free: a character in the last one would wrap the line on some terminals.
    const auto width = static_cast<std::size_t>(std::max(options_.width - 1, 1));
    std::string line = label_ + "  " + facts;
    constexpr std::size_t kLeastBar = 10, kMostBar = 40;
    if (total_ > 0 && line.size() + kLeastBar + 2 <= width) {
        const std::size_t cells = std::min(kMostBar, width - line.size() - 2);
        const double fraction = std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
        const auto full = static_cast<std::size_t>(fraction * static_cast<double>(cells));
        line = fmt::format("{} [{}{}] {}", label_, std::string(full, '='), std::string(cells - full, ' '), facts);
    }
    return line.substr(0, width);
}

}  // namespace keel
