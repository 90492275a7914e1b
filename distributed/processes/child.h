// A program that this one starts, watches and ends: a launcher of ranks, a trial of a search.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace keel {

/// Where a child's stdout goes.
enum class ChildOutput {
    stdout_of_parent,
    stderr_of_parent,
    lines  ///< with its stderr, to whoever reads that
};

class Child {
public:
    /// Starts the program of the first word, found by PATH, in a process group of its own, without input; it ends with
    /// this process. Its stderr can be read, its stdout goes to `output`. Throws IoError
    /// where it cannot be started.
    explicit Child(const std::vector<std::string>& words, ChildOutput output = ChildOutput::stdout_of_parent);
    /// Kills what is left of its group.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Waits for output or the end, `limit` at most; hands each whole line of stderr, its end included, to `line`.
    /// False once the process has ended and all was read.
    bool wait(std::chrono::milliseconds limit, const std::function<void(const std::string&)>& line);

    /// Returns whether processes that the program started run at this moment; true where the system does not tell.
    bool has_children() const;

    /// To the program alone: what it started itself is its own business.
    void signal(int number) const;
    /// To the program and all of its group.
    void kill() const;

    /// Returns, once wait() was false, the exit code, 128 + signal where one ended it.
    int code() const { return code_; }

private:
    pid_t process_ = -1;
    int stderr_ = -1, code_ = -1;
    bool ended_ = false, silent_ = false;
    std::string unfinished_;  // a line
};

}  // namespace keel
