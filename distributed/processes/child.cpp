#include "distributed/processes/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr int kNotStarted = 127;
constexpr int kTriesToBury = 200;  // 10 ms apart

[[noreturn]] void become(const std::vector<char*>& argv, int err, ChildOutput output) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, STDIN_FILENO);
    if (output == ChildOutput::stderr_of_parent) ::dup2(STDERR_FILENO, STDOUT_FILENO);
    if (output == ChildOutput::lines) ::dup2(err, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    std::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(kNotStarted);
}

/// Whether a process has ended, even if its parent has not asked how: mpirun sleeps before it does.
bool is_over(const std::string& process) {
    std::ifstream file("/proc/" + process + "/stat");
    std::string stat;
    std::getline(file, stat, '\0');
    const std::size_t name_end = stat.rfind(") ");
    return name_end == std::string::npos || std::string_view("ZX").find(stat[name_end + 2]) != std::string_view::npos;
}

}  // namespace

Child::Child(const std::vector<std::string>& words, ChildOutput output) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
        throw IoError("[process] pipe: " + std::generic_category().message(errno));
    process_ = ::fork();
    if (process_ == 0) become(argv, pipe[1], output);
    ::close(pipe[1]);
    stderr_ = pipe[0];
    if (process_ < 0) {
        ::close(stderr_);
        throw IoError("[process] fork: " + std::generic_category().message(errno));
    }
    ::setpgid(process_, process_);  // whichever of the two comes first
}

Child::~Child() {
    if (!ended_) kill();
    // A process that hangs in a file system cannot even be killed: it is left behind.
    for (int tries = 0; !ended_ && tries < kTriesToBury; ++tries) {
        ended_ = ::waitpid(process_, nullptr, WNOHANG) != 0;
        if (!ended_) ::usleep(10'000);
    }
    ::close(stderr_);
}

bool Child::wait(std::chrono::milliseconds limit, const std::function<void(const std::string&)>& line) {
    // Behind the end of its output there is only the process's own to wait for.
    pollfd in{silent_ ? -1 : stderr_, POLLIN, 0};
    const bool ready = ::poll(&in, 1, ended_ ? 0 : static_cast<int>(limit.count())) > 0;
    if (ready) {
        std::array<char, 4096> bytes{};
        const ssize_t got = ::read(stderr_, bytes.data(), bytes.size());
        silent_ = got <= 0;
        unfinished_.append(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        for (std::size_t end; (end = unfinished_.find('\n')) != std::string::npos; unfinished_.erase(0, end + 1))
            line(unfinished_.substr(0, end + 1));
    }
    int status = 0;
    if (!ended_ && ::waitpid(process_, &status, WNOHANG) == process_) {
        ended_ = true;
        code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return true;  // what it wrote last may still be there
    }
    // What it left behind may hold its stderr open: that is not waited for.
    const bool over = ended_ && (silent_ || !ready);
    if (over && !unfinished_.empty()) line(std::exchange(unfinished_, {}) + "\n");
    return !over;
}

bool Child::has_children() const {
    std::ifstream list(fmt::format("/proc/{0}/task/{0}/children", process_));
    if (!list) return true;
    for (std::string child; list >> child;)
        if (!is_over(child)) return true;
    return false;
}

void Child::signal(int number) const {
    if (!ended_) ::kill(process_, number);
}

void Child::kill() const { ::kill(-process_, SIGKILL); }

}  // namespace keel
