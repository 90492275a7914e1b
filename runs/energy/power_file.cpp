#include "runs/energy/power_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "data/formats/csv.h"
#include "engine/files.h"
#include "engine/patience.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr double kMostWatts = 1e6;
constexpr std::uint64_t kLongest = 4096;  // bytes

/// Watts of a unit; 0 for what is none.
double watts_of(std::string_view unit) {
    if (unit.empty() || unit == "W") return 1;
    if (unit == "kW") return 1e3;
    if (unit == "mW") return 1e-3;
    return unit == "uW" ? 1e-6 : 0;
}

}  // namespace

double read_watts(std::string_view text, const std::string& name) {
    const std::string_view word = trimmed(text);
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const double unit = watts_of(trimmed(word.substr(static_cast<std::size_t>(end - word.data()))));
    const double watts = number * unit;
    if (error != std::errc() || unit == 0 || !std::isfinite(watts) || watts < 0 || watts > kMostWatts)
        throw InputError(fmt::format("[energy] {}: wanted a power of 0 to 1 MW, as '215.3' or '215.3 W', got '{}'",
                                     name, excerpt(word)));
    return watts;
}

PowerFile::PowerFile(std::filesystem::path file, Clock clock)
    : file_(std::move(file)), clock_(std::move(clock)), looked_(clock_()) {
    watts_ = read_watts(read_file(file_, kLongest), file_.string());
}

void PowerFile::look() {
    const PatienceScope at_once(0);
    try {
        watts_ = read_watts(read_file(file_, kLongest), file_.string());
    } catch (const Error& error) {
        if (!std::exchange(told_, true))
            notes_.push_back(
                fmt::format("{}; the power is taken to be what it was before, {:.1f} W", error.what(), watts_));
    }
}

double PowerFile::joules() {
    const auto now = clock_();
    const double before = watts_, seconds = std::chrono::duration<double>(now - looked_).count();
    look();
    joules_ += seconds * (before + watts_) / 2;
    looked_ = now;
    return joules_;
}

std::vector<std::string> PowerFile::take_notes() { return std::exchange(notes_, {}); }

}  // namespace keel
