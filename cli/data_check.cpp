// keel data check

#include <iostream>
#include <memory>
#include <string>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/inspect/check_text.h"
#include "data/sources/table.h"
#include "engine/files.h"
#include "runs/terminal/progress.h"

namespace keel::cli {
namespace {

struct DataCheckArguments {
    std::string spec, csv;
    int workers = 2;
};

int run(const CLI::App& app, const DataCheckArguments& o, const Globals& globals) {
    const auto dataset = open_data(app, o.spec, "data check", telling_of(globals.quiet));
    Progress progress(std::cerr, "checking", stderr_progress(globals.quiet));
    const CheckReport report = check_dataset(
        *dataset, o.workers, [&](std::int64_t done, std::int64_t total) { progress.update(done, total); });
    progress.finish();
    if (!o.csv.empty()) write_file_atomically(o.csv, findings_csv(report));
    print_result(globals, check_json(o.spec, *dataset, report), check_text(*dataset, report));
    return report.good() ? kSuccess : kBadInput;
}

}  // namespace

Run add_data_check(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<DataCheckArguments>();
    add_text(app, "--data", o->spec, "SPEC", data_spec_help(), Need::required);
    add_text(app, "--csv", o->csv, "FILE.csv", "write every finding to this file, a row each");
    add_number(app, "--workers", o->workers, from_to(1, 1024), "threads that decode");
    add_dataset_options(app);
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
