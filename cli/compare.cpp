// keel report, keel compare
#include <fmt/format.h>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "engine/files.h"
#include "runs/report/report.h"

namespace keel::cli {
namespace {

struct CompareOptions {
    std::vector<std::string> runs;
    std::string out = "compare.html";
};

}  // namespace

Run add_report(CLI::App& app, const Globals& globals) {
    const auto run = std::make_shared<std::string>();
    add_text(app, "run", *run, "RUN", "Run directory of keel train", Need::required);
    return [run, &globals] {
        std::vector<Remark> data;
        const std::string file = report::write_report(*run, &data).string();
        tell(data, "report", telling_of(globals.quiet));
        print_result(globals, {{"report", file}}, file + "\n");
        return kSuccess;
    };
}

Run add_compare(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<CompareOptions>();
    add_list(app, "runs", o->runs, "RUN", {.least = 2, .most = 1000}, "Run directories of keel train, two or more");
    add_text(app, "--out", o->out, "FILE.html", "Page to write");
    return [o, &globals] {
        const std::string page = report::comparison_page({o->runs.begin(), o->runs.end()});
        write_file_atomically(o->out, page);
        print_result(globals, {{"page", o->out}, {"runs", o->runs}}, o->out + "\n");
        return kSuccess;
    };
}

}  // namespace keel::cli
