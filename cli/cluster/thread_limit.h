// Limits on processes and threads, said in one line before a library below ends the program for them.
#pragma once

#include <exception>
#include <string>

namespace keel::cli {

/// Returns the limits of this process that its threads count against: "ulimit -u 64, pids.max 100 of the control group,
/// ulimit -v 4000000 KB"; "no limit of this process's own" where there is none.
std::string thread_limits();

/// Starts so many threads and ends them again, with stacks of the usual size. Throws IoError that names how many were
/// wanted, how many there were, `whose` they are, and the limits.
void require_threads(int wanted, const std::string& whose);

/// Returns the message of an error that ends the program; of a thread that the system refuses one that names the
/// limits.
std::string message_of(const std::exception& error);

}  // namespace keel::cli
