#include "tests/cli/run_keel.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stdexcept>

#include "engine/files.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {
namespace {

constexpr std::uint64_t kOutputLimit = 64 << 20;

void redirect(const std::string& file, int descriptor) {
    const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(126);
}

}  // namespace

ProgramResult run_keel(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                       const std::string& out) {
    const TemporaryFolder folder;
    const std::string out_file = out.empty() ? folder / "out" : out, err_file = folder / "err";
    std::vector<char*> argv{const_cast<char*>(KEEL_BINARY)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        redirect(out_file, STDOUT_FILENO);
        redirect(err_file, STDERR_FILENO);
        for (const std::string& variable : environment) ::putenv(const_cast<char*>(variable.c_str()));
        ::execv(KEEL_BINARY, argv.data());
        ::_exit(127);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid failed");
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code == 126 || code == 127) throw std::runtime_error("cannot start " KEEL_BINARY);
    return {code, out.empty() ? read_file(out_file, kOutputLimit) : "", read_file(err_file, kOutputLimit)};
}

}  // namespace keel::test
