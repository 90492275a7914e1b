#include "cli/cluster/exit_code.h"

#include <filesystem>

#include <system_error>

#include "kernels/error.h"
#include "runs/run_lease.h"

namespace keel::cli {

int exit_code_of(const std::exception& error) {
    if (dynamic_cast<const UsageError*>(&error) != nullptr) return kUsageError;
    if (dynamic_cast<const InputError*>(&error) != nullptr) return kBadInput;
    if (dynamic_cast<const DivergedError*>(&error) != nullptr) return kDiverged;
    if (dynamic_cast<const IoError*>(&error) != nullptr) return kIoFailure;
    if (dynamic_cast<const LeaseGivenUp*>(&error) != nullptr) return kStoppedResumable;
    const auto* const system = dynamic_cast<const std::system_error*>(&error);
    if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again) return kIoFailure;
    if (dynamic_cast<const std::filesystem::filesystem_error*>(&error) != nullptr) return kIoFailure;
    return kInternalError;
}

}  // namespace keel::cli
