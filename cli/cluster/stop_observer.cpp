#include "cli/cluster/stop_observer.h"

#include <fmt/format.h>

#include "cli/cluster/exit_code.h"
#include "cli/cluster/signals.h"

namespace keel::cli {

std::optional<StopRequest> StopObserver::should_stop(double seconds_needed) {
    if (const int signal = stop_signal(); signal != 0) return StopRequest{signal, fmt::format("signal {}", signal)};
    if (limit_.is_over(seconds_needed)) return StopRequest{0, "its time limit"};
    return std::nullopt;
}

int exit_code_of(const StopRequest& request) {
    return request.code != 0 ? exit_code_of(request.code) : static_cast<int>(kStoppedResumable);
}

}  // namespace keel::cli
