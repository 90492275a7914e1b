// The real `keel` program as a process of its own.
#pragma once

#include <string>
#include <vector>

namespace keel::test {

struct ProgramResult {
    int code = -1;  ///< exit code; 128 + signal where one ended it
    std::string out, err;
};

/// Runs keel with these arguments and with `environment` ("NAME=value") added to this process's; `out` is a file to take stdout
/// instead of the result. Throws std::runtime_error if it cannot be started.
ProgramResult run_keel(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                       const std::string& out = "");

}  // namespace keel::test
