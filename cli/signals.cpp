#include "cli/signals.h"

#include <csignal>

#include "cli/app.h"

namespace keel::cli {
namespace {

volatile std::sig_atomic_t received = 0;

/// The handler runs once a signal (SA_RESETHAND): the second of its kind has its default effect.
void note(int signal) { received = signal; }

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaction(signal, &action, nullptr);
}

int stop_signal() { return received; }

int exit_code_of(int signal) { return signal == SIGINT ? kInterrupted : kStoppedResumable; }

}  // namespace keel::cli
