// keel report, keel compare
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/output.h"
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
    app.add_option("run", *run, "Run directory of keel train")->required()->type_name("RUN");
    return [run, &globals] {
        const std::string file = report::write_report(*run).string();
        print_result(globals, {{"report", file}}, file + "\n");
        return kSuccess;
    };
}

Run add_compare(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<CompareOptions>();
    app.add_option("runs", o->runs, "Run directories of keel train, two or more")
        ->required()
        ->type_name("RUN")
        ->expected(2, 1000);
    app.add_option("--out", o->out, "Page to write")->type_name("FILE.html")->capture_default_str();
    return [o, &globals] {
        const std::string page = report::comparison_page({o->runs.begin(), o->runs.end()});
        write_file_atomically(o->out, page);
        print_result(globals, {{"page", o->out}, {"runs", o->runs}}, o->out + "\n");
        return kSuccess;
    };
}

}  // namespace keel::cli
