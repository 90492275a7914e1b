// The real `keel` program as a process of its own.
#pragma once

#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace keel::test {

using Arguments = std::vector<std::string>;

struct ProgramResult {
    int code = -1;  ///< exit code; 128 + signal where one ended it
    std::string out, err;
};

/// keel at work; its output goes to files.
class KeelProcess {
public:
    /// Arguments and errors as for run_keel(). `launcher` is a command that keel and its arguments are added to, e.g.
    /// mpirun's.
    explicit KeelProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                         const std::string& out = "", const std::vector<std::string>& launcher = {});
    ~KeelProcess();
    KeelProcess(const KeelProcess&) = delete;
    KeelProcess& operator=(const KeelProcess&) = delete;

    void signal(int number) const;
    ProgramResult wait();

private:
    TemporaryFolder folder_;
    std::string out_;
    int process_ = -1;  // -1 after wait()
};

/// Runs keel with these arguments and with `environment` ("NAME=value") added to this process's; `out` is a file to
/// take stdout instead of the result. Throws std::runtime_error if it cannot be started.
ProgramResult run_keel(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                       const std::string& out = "");

/// Whether ranks can be started: keel was built with MPI, and mpirun is there. Another make's mpirun is named by
/// KEEL_TEST_MPIRUN, words with spaces between them, the keel that was built with it by KEEL_TEST_KEEL.
bool has_mpirun();

/// Returns the words that start `ranks` ranks, more than there are cores if need be; `script` is what each rank's shell
/// runs in place of keel ("$0" "$@"), with $RANK its rank.
std::vector<std::string> mpirun(int ranks, const std::string& script = "");
/// Returns mpirun, with what it wants of root, as keel launch --mpirun has it.
std::string mpirun_program();
/// Returns the variable that tells a rank which one it is.
std::string rank_variable();

}  // namespace keel::test
