#include "cli/cluster/signals.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using keel::test::contains;

namespace {

constexpr int kSignals[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGINT};

/// The status of a process that calls `f`.
template <class F>
int status_of(F&& f) {
    const pid_t child = ::fork();
    if (child == 0) {
        for (const int signal : kSignals) std::signal(signal, SIG_DFL);  // whoever runs the tests may ignore some
        f();
        ::_exit(99);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

/// A process at a terminal of its own that catches signals; keys are pressed at the other end.
class AtTerminal {
public:
    AtTerminal() {
        process_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            keel::cli::catch_stop_signals();
            static_cast<void>(!::write(STDOUT_FILENO, "ready", 5));
            for (;;) ::pause();
        }
        read_until("ready");
    }
    ~AtTerminal() {
        if (process_ > 0) ::kill(process_, SIGKILL), ::waitpid(process_, nullptr, 0);
        ::close(terminal_);
    }

    void press_ctrl_c() const { REQUIRE(::write(terminal_, "\x03", 1) == 1); }

    void read_until(const std::string& word) {
        for (char c = 0; text_.find(word) == std::string::npos;) {
            REQUIRE(::read(terminal_, &c, 1) == 1);
            text_ += c;
        }
    }

    bool is_there() const { return ::waitpid(process_, nullptr, WNOHANG) == 0; }

    int status() {
        int status = 0;
        REQUIRE(::waitpid(process_, &status, 0) == process_);
        process_ = -1;
        return status;
    }

private:
    pid_t process_ = -1;
    int terminal_ = -1;
    std::string text_;
};

}  // namespace

TEST_CASE("Any number of requests to stop is one, whatever signals they are", "[signals]") {
    const int first = GENERATE(from_range(std::begin(kSignals), std::end(kSignals)));
    const int status = status_of([&] {
        keel::cli::catch_stop_signals();
        if (keel::cli::stop_signal() != 0) ::_exit(1);
        std::raise(first);
        for (const int other : kSignals) ::kill(::getpid(), other);
        for (const int other : kSignals) std::raise(other);
        ::_exit(keel::cli::stop_signal() == first ? keel::cli::exit_code_of(first) : 2);
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == (first == SIGINT ? 130 : 75));
}

TEST_CASE("nohup keeps what it keeps", "[signals]") {
    const int status = status_of([&] {
        std::signal(SIGHUP, SIG_IGN);
        keel::cli::catch_stop_signals();
        std::raise(SIGHUP);
        ::_exit(keel::cli::stop_signal());
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("Ctrl-C at a terminal asks once, and the second time ends at once", "[signals]") {
    AtTerminal process;
    process.press_ctrl_c();
    process.read_until("Ctrl-C once more ends at once");
    REQUIRE(process.is_there());
    std::this_thread::sleep_for(std::chrono::duration<double>(keel::cli::kPressesApart + 0.1));  // what is meant
    process.press_ctrl_c();
    const int status = process.status();
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGINT);
}

TEST_CASE("What is closed of the standard files stays closed to the program's own", "[signals]") {
    const int status = status_of([&] {
        for (const int number : {0, 1, 2}) ::close(number);
        keel::cli::keep_standard_files();
        const int own = ::open("/dev/null", O_RDWR);
        if (own < 3) ::_exit(1);
        if (::write(1, "x", 1) != -1 || ::write(2, "x", 1) != -1) ::_exit(2);
        char c = 0;
        if (::read(0, &c, 1) != -1) ::_exit(3);
        int ends[2];
        if (::pipe(ends) != 0 || ::close(ends[0]) != 0 || ::write(ends[1], "x", 1) != -1) ::_exit(4);
        ::_exit(0);
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("Results that nobody reads end the program as a closed pipe does", "[signals]") {
    const keel::test::TemporaryFolder folder;
    const std::string fifo = folder / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK), writer = ::open(fifo.c_str(), O_WRONLY);
    REQUIRE(writer >= 0);
    ::close(reader);
    keel::test::KeelProcess process({"--help"}, {}, "",
                                    {"bash", "-c", "exec \"$0\" \"$@\" >&" + std::to_string(writer)});
    const auto result = process.wait();
    ::close(writer);
    CHECK(result.code == 128 + SIGPIPE);
    CHECK(result.err.empty());
}
