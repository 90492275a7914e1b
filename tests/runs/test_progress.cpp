#include "runs/terminal/progress.h"

#include <sstream>
#include <string>

#include "tests/support/catch.h"

using namespace keel;
using namespace std::chrono_literals;

namespace {

/// A Progress whose clock stands until the test moves it.
struct Bench {
    std::chrono::steady_clock::time_point time{};
    std::ostringstream out;
    ProgressOptions options;

    Bench() {
        options.now = [this] { return time; };
    }
    std::string take() {
        std::string text = out.str();
        out.str("");
        return text;
    }
};

}  // namespace

TEST_CASE("Without a terminal a plain line comes every few seconds", "[progress]") {
    Bench bench;
    Progress progress(bench.out, "epoch 1/3", bench.options);
    progress.update(0, 100);
    CHECK(bench.take().empty());
    bench.time += 4999ms;
    progress.update(10, 100, 0.5, 20.0);
    CHECK(bench.take().empty());
    bench.time += 1ms;
    progress.update(20, 100, 0.25, 20.0);
    // 20 took 5 s, 80 are left.
    CHECK(bench.take() == "epoch 1/3  20/100  loss 0.2500  20.0 img/s  ETA 20s\n");
    bench.time += 1s;
    progress.update(100, 100, 0.125, 20.0);
    CHECK(bench.take().empty());
    progress.finish();
    CHECK(bench.take() == "epoch 1/3  100/100  loss 0.1250  20.0 img/s\n");
    progress.finish();
    CHECK(bench.take().empty());
}

TEST_CASE("The time left counts from where the work began, not from 0", "[progress]") {
    Bench bench;
    Progress progress(bench.out, "epoch", bench.options);
    progress.update(9000, 10000);
    bench.time += 100s;
    progress.update(9100, 10000);
    CHECK(bench.take() == "epoch  9100/10000  ETA 15m00s\n");
    bench.time += 3600s;
    progress.update(9200, 100000);
    // 200 took 3700 s, 90800 are left: 1679800 s.
    CHECK(bench.take() == "epoch  9200/100000  ETA 466h36m\n");
    bench.time += 10s;
    progress.update(9300, 0);
    CHECK(bench.take() == "epoch  9300\n");
}

TEST_CASE("On a terminal one line is redrawn within its width", "[progress]") {
    Bench bench;
    bench.options.terminal = true;
    bench.options.width = 40;
    {
        Progress progress(bench.out, "e", bench.options);
        progress.update(0, 10);
        CHECK(bench.take() == "\r\x1b[Ke [" + std::string(30, ' ') + "] 0/10");
        bench.time += 99ms;
        progress.update(1, 10);
        CHECK(bench.take().empty());
        bench.time += 1ms;
        progress.update(5, 10);
        const std::string line = bench.take();
        CHECK(line.substr(0, 4) == "\r\x1b[K");
        CHECK(line.find('\n') == std::string::npos);
        CHECK(line.size() <= 4 + 39);
        CHECK(line.find("5/10") != std::string::npos);
        // The bar's cells: half of them are full.
        const std::size_t full = line.find(' ', line.find('[', 4)) - line.find('[', 4) - 1;
        const std::size_t cells = line.find(']') - line.find('[', 4) - 1;
        CHECK(full == cells / 2);
    }
    CHECK(bench.take() == "\n");
}

TEST_CASE("A narrow terminal gets no bar and no wrapped line", "[progress]") {
    Bench bench;
    bench.options.terminal = true;
    bench.options.width = 12;
    Progress progress(bench.out, "epoch 1/3", bench.options);
    progress.update(5, 10, 0.5, 100.0);
    CHECK(bench.take() == "\r\x1b[Kepoch 1/3  ");
}

TEST_CASE("Quiet is silent", "[progress]") {
    Bench bench;
    bench.options.quiet = true;
    bench.options.terminal = GENERATE(false, true);
    {
        Progress progress(bench.out, "epoch", bench.options);
        progress.update(1, 10);
        bench.time += 10s;
        progress.update(2, 10);
        progress.finish();
    }
    CHECK(bench.take().empty());
}
