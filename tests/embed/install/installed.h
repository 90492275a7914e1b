// Keel as `cmake --install` leaves it, and commands that use it.
#pragma once

#include <string>

namespace keel::test {

struct ShellResult {
    bool good = false;
    std::string output;  ///< stdout and stderr
};
/// Runs a command of the shell.
ShellResult shell(const std::string& command);
/// The same of one that must succeed; returns its output.
std::string output_of(const std::string& command);

/// Returns the folder of the package, which was moved after it was installed: packages are built in one place and used
/// in another.
const std::string& prefix();
/// Returns the folder of the archives.
std::string library_folder();
/// Returns whether the component `distributed` is part of it.
bool has_distributed();

/// Configures a folder with Keel's own compilers: "cmake -G Ninja ... ", for more arguments.
std::string configure_command();

}  // namespace keel::test
