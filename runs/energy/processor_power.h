// What a core takes, for an estimate where nothing measures it.
#pragma once

#include <string>

namespace keel {

struct CorePower {
    double watts = 0;    ///< of one core at work, with its share of what the package has in common
    std::string from{};  ///< how it was come by, for people: "350 W by 56 cores of a Xeon Platinum 8480+"
};

/// Returns what a core of the processor `brand` takes: `package_watts` by `cores`, those of a package here, where it is
/// above 0, else the manufacturer's thermal design power by the cores of the nearest processor that is known.
CorePower core_power(const std::string& brand, double package_watts, int cores);

}  // namespace keel
