// What the program returns.
#pragma once

#include <exception>

namespace keel::cli {

/// Batch systems act on it.
enum ExitCode : int {
    kSuccess = 0,
    kInternalError = 1,  ///< out of memory, or a bug
    kUsageError = 2,
    kBadInput = 3,
    kDiverged = 4,
    kIoFailure = 5,
    kNothingFits = 6,  ///< no model keeps to the limits of keel fit
    kPeerLost = 69,  ///< another rank died, stopped or left
    kStoppedResumable = 75,
    kInterrupted = 130,
};

/// Returns what the program ends with for an error that ends it.
int exit_code_of(const std::exception& error);

}  // namespace keel::cli
