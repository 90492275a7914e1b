#include "runs/energy/processor_power.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/text.h"

namespace keel {
namespace {

/// Thermal design powers as the manufacturers publish them. The first row of which all words are in the brand counts,
/// so that models stand before their families, of which one model of many cores speaks for all.
struct KnownProcessor {
    std::array<std::string_view, 2> words;  // in lower case
    double watts;
    int cores;
    std::string_view title;
};

constexpr std::array<KnownProcessor, 19> kKnown{{
    {{"sapphirerapids", ""}, 350, 56, "Xeon Platinum 8480+"},
    {{"icelake", ""}, 270, 40, "Xeon Platinum 8380"},
    {{"cascadelake", ""}, 205, 28, "Xeon Platinum 8280"},
    {{"skylake", ""}, 205, 28, "Xeon Platinum 8180"},
    {{"platinum 84", ""}, 350, 56, "Xeon Platinum 8480+"},
    {{"gold 64", ""}, 270, 32, "Xeon Gold 6430"},
    {{"platinum 83", "h cpu"}, 250, 28, "Xeon Platinum 8380H"},
    {{"platinum 83", ""}, 270, 40, "Xeon Platinum 8380"},
    {{"gold 63", ""}, 205, 28, "Xeon Gold 6330"},
    {{"platinum 82", ""}, 205, 28, "Xeon Platinum 8280"},
    {{"gold 62", ""}, 150, 20, "Xeon Gold 6248"},
    {{"platinum 81", ""}, 205, 28, "Xeon Platinum 8180"},
    {{"gold 61", ""}, 150, 20, "Xeon Gold 6148"},
    {{"e5-26", "v4"}, 145, 22, "Xeon E5-2699 v4"},
    {{"epyc 9", ""}, 360, 96, "EPYC 9654"},
    {{"epyc 7", ""}, 280, 64, "EPYC 7763"},
    {{"xeon", ""}, 270, 40, "Xeon Platinum 8380"},
    {{"epyc", ""}, 280, 64, "EPYC 7763"},
    {{"", ""}, 65, 8, "processor of 65 W and 8 cores"},
}};

}  // namespace

CorePower core_power(const std::string& brand, double package_watts, int cores) {
    if (package_watts > 0) {
        const int of = std::max(cores, 1);
        return {package_watts / of, fmt::format("{:g} W by {} core{}", package_watts, of, of == 1 ? "" : "s")};
    }
    const std::string name = lower_case(brand);
    for (const KnownProcessor& known : kKnown) {
        const bool all = std::ranges::all_of(
            known.words, [&](std::string_view word) { return name.find(word) != std::string::npos; });
        if (all)
            return {known.watts / known.cores,
                    fmt::format("{:g} W by {} cores of a {}", known.watts, known.cores, known.title)};
    }
    return {};
}

}  // namespace keel
