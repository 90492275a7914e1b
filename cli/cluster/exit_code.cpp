#include "cli/cluster/exit_code.h"

#include "kernels/error.h"

namespace keel::cli {

int exit_code_of(const std::exception& error) {
    if (dynamic_cast<const UsageError*>(&error) != nullptr) return kUsageError;
    if (dynamic_cast<const InputError*>(&error) != nullptr) return kBadInput;
    if (dynamic_cast<const DivergedError*>(&error) != nullptr) return kDiverged;
    if (dynamic_cast<const IoError*>(&error) != nullptr) return kIoFailure;
    return kInternalError;
}

}  // namespace keel::cli
