#include "tests/cli/run_keel.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "distributed/mpi/mpi_communicator.h"
#include "distributed/planning/mpirun_words.h"
#include "engine/files.h"

namespace keel::test {
namespace {

constexpr std::uint64_t kOutputLimit = 64 << 20;

std::string variable(const char* name, const std::string& otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr || *text == 0 ? otherwise : text;
}

/// What mpirun says of itself: "mpirun (Open MPI) 5.0.7", "HYDRA build details:".
MpiMake make_of_mpirun() {
    static const MpiMake make = [] {
        const TemporaryFolder folder;
        const std::string file = folder / "version";
        static_cast<void>(!std::system((mpirun_program() + " --version >" + file + " 2>&1").c_str()));
        const std::string text = read_file(file, 1 << 20);
        const std::size_t at = text.find("(Open MPI) ");
        if (text.find("HYDRA") != std::string::npos) return MpiMake::mpich;
        return mpi_make(at == std::string::npos ? "" : "Open MPI " + text.substr(at + 11));
    }();
    return make;
}

void redirect(const std::string& file, int descriptor) {
    const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(126);
}

}  // namespace

KeelProcess::KeelProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                         const std::string& out, const std::vector<std::string>& launcher)
    : out_(out) {
    const std::string out_file = out.empty() ? folder_ / "out" : out, err_file = folder_ / "err";
    std::vector<char*> argv;
    for (const std::string& word : launcher) argv.push_back(const_cast<char*>(word.c_str()));
    const std::string keel = variable("KEEL_TEST_KEEL", KEEL_BINARY);
    argv.push_back(const_cast<char*>(keel.c_str()));
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    process_ = ::fork();
    if (process_ < 0) throw std::runtime_error("fork failed");
    if (process_ == 0) {
        redirect(out_file, STDOUT_FILENO);
        redirect(err_file, STDERR_FILENO);
        for (const std::string& variable : environment) ::putenv(const_cast<char*>(variable.c_str()));
        ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
}

KeelProcess::~KeelProcess() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

void KeelProcess::signal(int number) const {
    if (process_ >= 0) ::kill(process_, number);
}

ProgramResult KeelProcess::wait() {
    int status = 0;
    if (::waitpid(process_, &status, 0) != process_) throw std::runtime_error("waitpid failed");
    process_ = -1;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code == 126 || code == 127) throw std::runtime_error("cannot start " KEEL_BINARY);
    return {code, out_.empty() ? read_file(folder_ / "out", kOutputLimit) : "",
            read_file(folder_ / "err", kOutputLimit)};
}

ProgramResult run_keel(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                       const std::string& out) {
    return KeelProcess(arguments, environment, out).wait();
}

bool has_mpirun() {
    return !mpi_library().empty() && std::system((mpirun_program() + " --version >/dev/null 2>&1").c_str()) == 0;
}

std::string mpirun_program() {
    const std::string program = variable("KEEL_TEST_MPIRUN", "mpirun");
    return ::getuid() == 0 && program.find("mpich") == std::string::npos ? program + " --allow-run-as-root" : program;
}

std::string rank_variable() { return make_of_mpirun() == MpiMake::mpich ? "PMI_RANK" : "OMPI_COMM_WORLD_RANK"; }

std::vector<std::string> mpirun(int ranks, const std::string& script) {
    std::istringstream text(mpirun_program());
    std::vector<std::string> words(std::istream_iterator<std::string>(text), {});
    for (const std::string& word : mpirun_words(make_of_mpirun(), {.ranks = ranks, .crowded = true}))
        words.push_back(word);
    if (!script.empty()) words.insert(words.end(), {"sh", "-c", "RANK=$" + rank_variable() + "; " + script});
    return words;
}

}  // namespace keel::test
