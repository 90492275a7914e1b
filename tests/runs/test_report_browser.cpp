// Pages as a browser sees them, where there is one (Debian's chromium).
#include <sys/wait.h>
#include <cstdlib>
#include <filesystem>

#include "runs/report/report.h"
#include "tests/runs/made_up_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

bool has_chromium() { return std::system("command -v chromium >/dev/null 2>&1") == 0; }

/// Runs Chromium without a screen on a page; what it prints goes to `out`, what it logs, console messages included, to
/// `log`.
int browse(const TemporaryFolder& folder, const std::string& options, const std::string& page) {
    const std::string command =
        "timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
        "--user-data-dir=" +
        (folder / "profile") + " --enable-logging=stderr " + options + " 'file://" + page + "' >" + (folder / "out") +
        " 2>" + (folder / "log");
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("Chromium shows pages whole, without a word on its console", "[report][slow]") {
    if (!has_chromium()) {
        WARN("skipped: there is no chromium (Debian: apt-get install chromium)");
        return;
    }
    const TemporaryFolder folder;
    write_run(folder / "labels", kHostile, true);
    write_run(folder / "classes", kHostile, false);
    write_text(folder / "both.html", report::comparison_page({folder / "labels", folder / "classes"}));
    for (const std::string& page : {report::write_report(folder / "labels").string(),
                                    report::write_report(folder / "classes").string(), folder / "both.html"}) {
        CAPTURE(page);
        REQUIRE(browse(folder, "--dump-dom", page) == 0);
        const std::string source = read_text(page), dom = read_text(folder / "out"), log = read_text(folder / "log");
        CHECK(log.find("CONSOLE") == std::string::npos);
        for (const char* element : {"<svg", "<path", "<circle", "<table", "<section", "<figure", "<td"}) {
            CAPTURE(element);
            CHECK(count_of(dom, element) == count_of(source, element));
            CHECK(count_of(dom, element) > 0);
        }
        for (const char* element : {"<script", "<iframe", "<object"}) CHECK(count_of(dom, element) == 0);
        CHECK(count_of(dom, "<img") == count_of(source, "<img"));
    }
    SECTION("and the log would have told") {
        write_text(folder / "bad.html", "<script>console.error('a word')</script>");
        REQUIRE(browse(folder, "--dump-dom", folder / "bad.html") == 0);
        CHECK_THAT(read_text(folder / "log"), contains("CONSOLE"));
    }
    SECTION("and prints them") {
        REQUIRE(browse(folder, "--no-pdf-header-footer --print-to-pdf=" + (folder / "page.pdf"),
                       folder / "labels/report.html") == 0);
        CHECK(read_text(folder / "page.pdf").starts_with("%PDF"));
    }
}
