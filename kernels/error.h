// The typed errors of the library. Every message says who, what was wanted and what came:
// "[conv2d] src has 3 channels, weights expect 64". The program maps the types to exit codes.
#pragma once

#include <stdexcept>
#include <string>

namespace keel {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// An option, a configuration value or an argument of a call that cannot be honoured.
struct UsageError : Error {
    using Error::Error;
};

/// Data from outside (an image, a label file, a checkpoint) that is malformed or does not fit.
struct InputError : Error {
    using Error::Error;
};

/// The operating system refused a read, a write, a rename, ... `code` is its errno; 0: none is known.
struct IoError : Error {
    explicit IoError(const std::string& message, int of_system = 0) : Error(message), code(of_system) {}
    int code;
};

/// The storage does not answer: a stale handle, an unreachable server, too many open files, ... This may pass, and says
/// nothing about the file. engine/system_error.h decides what is one.
struct StorageError : IoError {
    using IoError::IoError;
};

/// Training produced NaN or infinity.
struct DivergedError : Error {
    using Error::Error;
};

/// `require<UsageError>(n > 0, "[train] batch size ...")`; for messages that cost nothing to build.
template <class E>
inline void require(bool condition, const char* message) {
    if (!condition) throw E(message);
}

}  // namespace keel
