#pragma once

#include <signal.h>

namespace keel {

/// No signal of the host's is handled on a thread of Keel's, which is started while there is one of these.
struct SignalsBlocked {
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    sigset_t before{};
};

}  // namespace keel
