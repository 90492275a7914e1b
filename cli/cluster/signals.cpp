#include "cli/cluster/signals.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "cli/cluster/exit_code.h"

namespace keel::cli {
namespace {

// Handlers may run on any thread, two at a time.
std::atomic<int> received{0};
std::atomic<std::int64_t> pressed_at{0};  // nanoseconds; 0: never

static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free);

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};

std::int64_t nanoseconds_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void say_in_handler(const char* text) {
    // A terminal that is gone is nobody's to tell.
    static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text)));
}

/// A person pressed Ctrl-C.
void note_press() {
    const std::int64_t now = nanoseconds_now(), before = pressed_at.exchange(now);
    if (before == 0) {
        say_in_handler("\nstopping: the step is finished and saved; Ctrl-C once more ends at once\n");
        return;
    }
    if (static_cast<double>(now - before) < kPressesApart * 1e9) return;
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);  // once this handler has returned
}

void note(int signal, siginfo_t* info, void*) {
    const int error = errno;
    int none = 0;
    received.compare_exchange_strong(none, signal);
    // Terminals' signals come from the kernel, those that programs send from somebody.
    if (signal == SIGINT && info != nullptr && info->si_code == SI_KERNEL) note_press();
    errno = error;
}

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_sigaction = note;
    action.sa_flags = SA_RESTART | SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    for (const int signal : kStopSignals) sigaddset(&action.sa_mask, signal);
    for (const int signal : kStopSignals) {
        struct sigaction before {};
        if (signal == SIGHUP && ::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        ::sigaction(signal, &action, nullptr);
    }
}

int stop_signal() { return received; }

int exit_code_of(int signal) { return signal == SIGINT ? kInterrupted : kStoppedResumable; }

void keep_standard_files() {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is this one. Opened the wrong way round, it refuses what it is for.
        static_cast<void>(::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
    std::signal(SIGPIPE, SIG_IGN);
}

void end_by_closed_pipe() {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
}

}  // namespace keel::cli
