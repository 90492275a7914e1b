#include "cli/cluster/thread_limit.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system_error>

#include "cli/cluster/exit_code.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;

TEST_CASE("Threads that the system gives are no error", "[threads]") {
    CHECK_NOTHROW(require_threads(0, "nobody's"));
    CHECK_NOTHROW(require_threads(3, "the test's"));
}

TEST_CASE("Threads that the system refuses are named with the limit", "[threads]") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        // The stacks of so many threads do not fit, whoever the user is: root has no limit on processes.
        const rlimit addresses{rlim_t{1} << 36, rlim_t{1} << 36};
        ::setrlimit(RLIMIT_AS, &addresses);
        const rlimit stack{rlim_t{1} << 33, rlim_t{1} << 33};
        ::setrlimit(RLIMIT_STACK, &stack);
        std::string text = "no error";
        try {
            require_threads(100'000, "the test's");
        } catch (const IoError& error) {
            text = error.what();
        }
        static_cast<void>(!::write(ends[1], text.data(), text.size()));
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string text(1000, '\0');
    const ssize_t got = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    CHECK_THAT(text, contains("[threads] the test's want 100000 threads, the system gives ") &&
                         contains("ulimit -v 67108864 KB"));
}

TEST_CASE("A thread that is refused later says the same, in place of the system's four words", "[threads]") {
    const std::system_error refused(std::make_error_code(std::errc::resource_unavailable_try_again));
    CHECK_THAT(message_of(refused), contains("[threads] the system refuses another thread; limits: "));
    CHECK(exit_code_of(refused) == kIoFailure);
    CHECK(message_of(IoError("[x] y")) == "[x] y");
    const std::system_error other(std::make_error_code(std::errc::invalid_argument), "x");
    CHECK(message_of(other) == other.what());
    CHECK(exit_code_of(other) == kInternalError);
}
