// Asking a long run to stop at the next good place.
#pragma once

namespace keel::cli {

/// From now on the first SIGINT, SIGTERM or SIGUSR1 (what batch systems send before they end a job) only sets a flag; a
/// second one, of any of the three kinds, ends the process at once.
void catch_stop_signals();

/// The signal that came, or 0.
int stop_signal();

/// The exit code of a run that stopped for `signal` with its state saved: SIGINT kInterrupted, the others
/// kStoppedResumable.
int exit_code_of(int signal);

}  // namespace keel::cli
