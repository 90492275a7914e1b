#include "cli/cluster/signals.h"

#include <csignal>

#include "cli/cluster/exit_code.h"

namespace keel::cli {
namespace {

volatile std::sig_atomic_t received = 0;

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGUSR1};

/// The first of them puts all back to their default effect.
void note(int signal) {
    received = signal;
    for (const int other : kStopSignals) std::signal(other, SIG_DFL);
}

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const int signal : kStopSignals) sigaddset(&action.sa_mask, signal);
    for (const int signal : kStopSignals) sigaction(signal, &action, nullptr);
}

int stop_signal() { return received; }

int exit_code_of(int signal) { return signal == SIGINT ? kInterrupted : kStoppedResumable; }

}  // namespace keel::cli
