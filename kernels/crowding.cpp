#include "kernels/crowding.h"

#include <strings.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace keel {
namespace {

constexpr std::int64_t kTurningNs = 300 * kMicrosecond;  // docs/performance_tried.md, "How long threads wait in turns"
constexpr std::int64_t kForever = 3600 * kSecond;
constexpr double kTurnNs = 30;  // of one of libgomp's turns, a `pause`

bool is(const char* text, const char* word) { return text != nullptr && ::strcasecmp(text, word) == 0; }

/// Returns the turns of a GOMP_SPINCOUNT ("10000", "10k", "infinity"), or -1 where it is none.
double turns_of(const char* text) {
    if (text == nullptr) return -1;
    if (is(text, "infinity") || is(text, "infinite")) return std::numeric_limits<double>::infinity();
    if (*text < '0' || *text > '9') return -1;
    char* end = nullptr;
    const double turns = std::strtod(text, &end);
    if (*end == '\0') return turns;
    constexpr std::string_view kUnits = "kmgt";
    const std::size_t unit = kUnits.find(static_cast<char>(*end | 0x20));
    return unit == kUnits.npos || end[1] != '\0' ? -1 : turns * std::pow(1000.0, static_cast<double>(unit + 1));
}

}  // namespace

std::int64_t turning_ns(const char* wait_policy, const char* spin_count) {
    if (const double turns = turns_of(spin_count); turns >= 0)
        return static_cast<std::int64_t>(std::min(turns * kTurnNs, static_cast<double>(kForever)));
    if (is(wait_policy, "active")) return kForever;
    if (is(wait_policy, "passive")) return 0;
    return kTurningNs;
}

}  // namespace keel
