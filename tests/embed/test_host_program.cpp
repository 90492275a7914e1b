// What befalls programs that embed Keel: tests/host/host_program.cpp, started in each of its ways. None may hang: who
// does is ended by timeout(1), after more than any machine takes.
#include <cstdlib>
#include <sstream>
#include <string>

#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

namespace {

/// A checkpoint that anybody may read, and programs that load it.
class Host {
public:
    Host() { write_small_checkpoint(checkpoint_); }

    /// Runs `keel_host MODE CHECKPOINT NUMBER`, with `environment` ("NAME=value ...") before it, and returns what it
    /// printed; it must end well.
    std::string run(const std::string& mode, int number, const std::string& environment = "") const {
        const std::string output = folder_ / "output";
        const std::string command = environment + " timeout -s KILL 300 '" KEEL_HOST_PROGRAM "' " + mode + " '" +
                                    checkpoint_ + "' " + std::to_string(number) + " >'" + output + "' 2>&1";
        const int status = std::system(command.c_str());
        const std::string text = read_text(output);
        INFO(command << "\n" << text);
        REQUIRE(status == 0);
        return text;
    }

private:
    TemporaryFolder folder_;
    std::string checkpoint_ = folder_ / "model";
};

/// The number behind `name` in a text.
double number_behind(const std::string& name, const std::string& text) {
    const std::size_t at = text.find(name);
    INFO(text);
    REQUIRE(at != std::string::npos);
    return std::strtod(text.c_str() + at + name.size(), nullptr);
}

void fork_in_all_ways(const Host& host, int times) {
    for (int i = 0; i < times; ++i) {
        host.run("fork", 1);
        host.run("prefork", 4);
        host.run("fork-busy", 3);
        host.run("fork-openmp", 1);
    }
}

void end_in_all_ways(const Host& host, int times) {
    for (int i = 0; i < times; ++i) {
        CHECK_THAT(host.run("static-destructor", 1), contains("predicted at the end"));
        host.run("detached", 1 + i % 7);
    }
}

void refuse_threads(const Host& host, int times) {
    for (int i = 0; i < times; ++i) {
        const std::string refused = host.run("refused", 8, "OMP_STACKSIZE=4T");
        CHECK(number_behind("threads ", refused) == 1);
        // On a machine of one processor nothing is refused, since no second thread is wanted.
        if (refused.find("shortage \n") == std::string::npos)
            CHECK_THAT(refused, contains("the system gave 1") && contains("ulimit -u"));
    }
}

}  // namespace

TEST_CASE("Children of a program that loaded a model predict", "[host]") { fork_in_all_ways(Host(), 2); }

TEST_CASE("A program may end while its threads predict, and predict at its end", "[host]") {
    end_in_all_ways(Host(), 3);
}

TEST_CASE("Threads that the system refuses are done without, and said", "[host]") { refuse_threads(Host(), 2); }

TEST_CASE("fork(), ends and refused threads, a hundred times each", "[host][slow]") {
    const Host host;
    fork_in_all_ways(host, 100);
    end_in_all_ways(host, 100);
    refuse_threads(host, 100);
}

TEST_CASE("With few addresses a prediction is right or refused, whatever their number", "[host]") {
    const Host host;
    bool predicted = false, refused = false;
    for (const int mb : {60, 120, 180, 240, 320, 1000}) {
        const std::string text = host.run("addresses", mb);
        CAPTURE(mb, text);
        predicted = predicted || text.find("predicted") != std::string::npos;
        if (text.find("refused: ") == std::string::npos) continue;
        refused = true;
        CHECK_THAT(text, contains("out of memory") || contains("cannot"));
    }
    CHECK(predicted);
    CHECK(refused);
}

TEST_CASE("With any number of addresses a prediction is right or refused", "[host][slow]") {
    const Host host;
    for (int mb = 20; mb < 500; mb += 4) host.run("addresses", mb);
}

TEST_CASE("Memory of a large batch is given back, and kept within a limit", "[host]") {
    const std::string text = Host().run("memory", 256, "KEEL_HOST_THREADS=2");
    INFO(text);
    // 64 x 64 x (3 of the image + what the stem makes of it, 16 at least) floats of 256 images
    CHECK(number_behind("used ", text) > 256 * 64.0 * 64 * (3 + 16) * 4 / (1 << 20));
    CHECK(number_behind("freed ", text) < 16);  // MB: heap, code, the program's own
    CHECK_THAT(text, contains("[memory] wanted ") && contains("of a limit of 1048576"));
}

TEST_CASE("One processor, many threads, and OpenMP of the program's own", "[host]") {
    const Host host;
    host.run("pinned", 64);
    host.run("openmp", 3);
    host.run("timed", 2, "OMP_NUM_THREADS=64");
    host.run("timed", 2, "taskset -c 0 env KEEL_HOST_THREADS=64");
    for (const char* variable :
         {"OMP_WAIT_POLICY=active", "OMP_WAIT_POLICY=passive", "GOMP_SPINCOUNT=infinity", "OMP_PROC_BIND=true",
          "OMP_PROC_BIND=spread OMP_PLACES=cores", "OMP_THREAD_LIMIT=1", "OMP_STACKSIZE=1k"})
        host.run("openmp", 2, variable);
}
