// Asking a long run to stop at the next good place.
#pragma once

namespace keel::cli {

/// From now on SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU (what terminals, service managers and batch
/// systems send before they end a job) only set a flag, however many of them come: one wish often arrives several
/// times, by several ways. Only a second Ctrl-C at a terminal, kPressesApart or more after the one before, ends the
/// process at once; the first one says so. SIGHUP stays ignored where it was (nohup).
void catch_stop_signals();

/// Seconds; a key that is held down repeats faster.
constexpr double kPressesApart = 0.7;

/// The first signal that came, or 0.
int stop_signal();

/// The exit code of a run that stopped for `signal` with its state saved: SIGINT kInterrupted, the others
/// kStoppedResumable.
int exit_code_of(int signal);

/// Opens what is closed of stdin, stdout and stderr, so that no file of the program gets their numbers, and lines meant
/// for people never end up in it. What is written to one that was closed fails, as it would have; so it does to a pipe
/// whose reader has gone, which ends nothing (SIGPIPE is ignored). At the start of the program.
void keep_standard_files();

/// Ends the process as a closed pipe would: for results, which are of no use to anybody then.
void end_by_closed_pipe();

}  // namespace keel::cli
