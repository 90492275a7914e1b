#include "cli/cluster/stop_observer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "cli/cluster/exit_code.h"
#include "cli/cluster/signals.h"

namespace keel::cli {

std::optional<double> mpirun_grace() {
    if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return std::nullopt;
    // Of Open MPI 4, and of 5, whose launcher is PRRTE. Their own default is 1 s.
    for (const char* variable : {"OMPI_MCA_odls_base_sigkill_timeout", "PRTE_MCA_odls_base_sigkill_timeout"})
        if (const char* text = std::getenv(variable)) return std::max(0, std::atoi(text));
    return 1;
}

std::optional<StopRequest> StopObserver::should_stop(double seconds_needed) {
    if (const auto grace = remark_ ? mpirun_grace() : std::nullopt; grace && seconds_needed > *grace)
        std::exchange(remark_, {})(fmt::format(
            "a step and a save may take {:.1f} s, but mpirun kills its ranks {:g} s after SIGTERM or Ctrl-C: what is "
            "not "
            "saved is lost then. Stop it by SIGUSR1, start it by keel launch, or give it more time: mpirun --mca "
            "odls_base_sigkill_timeout {:.0f}",
            seconds_needed, *grace, std::ceil(2 * seconds_needed)));
    if (const int signal = stop_signal(); signal != 0) return StopRequest{signal, fmt::format("signal {}", signal)};
    if (limit_.is_over(seconds_needed)) return StopRequest{0, "its time limit"};
    return std::nullopt;
}

int exit_code_of(const TrainResult& result) {
    if (result.end == TrainEnd::stopped && result.stop.code != 0) return exit_code_of(result.stop.code);
    const bool resumable = result.end == TrainEnd::stopped || result.end == TrainEnd::paused;
    return resumable ? static_cast<int>(kStoppedResumable) : static_cast<int>(kSuccess);
}

}  // namespace keel::cli
