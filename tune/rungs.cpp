#include "tune/rungs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/error.h"

namespace keel::tune {

std::vector<int> rungs_of(int most, int least, int eta) {
    if (least < 1 || least > most || eta < 2)
        throw UsageError(
            fmt::format("[tune] wanted 1 <= min_epochs <= epochs and eta of 2 at least, not min_epochs "
                        "{}, epochs {}, eta {}",
                        least, most, eta));
    std::vector<int> rungs;
    for (double epochs = most; std::lround(epochs) >= least; epochs /= eta) {
        const int rounded = static_cast<int>(std::lround(epochs));
        if (rungs.empty() || rounded < rungs.back()) rungs.push_back(rounded);
        if (rounded <= 1) break;
    }
    std::ranges::reverse(rungs);
    return rungs;
}

}  // namespace keel::tune
