// keel data check
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/label_counts.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/reading.h"
#include "cli/train_options.h"
#include "data/formats/csv.h"
#include "data/inspect/check.h"
#include "data/sources/table.h"
#include "engine/files.h"
#include "engine/text.h"

namespace keel::cli {
namespace {

constexpr std::int64_t kNamed = 10;  // findings of a kind on the screen

struct Options {
    std::string spec, csv;
    int workers = 2;
};

const char* severity(FindingKind kind) { return is_error(kind) ? "error" : "warning"; }

/// For readers that go by lines.
std::string field(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return csv_field(text);
}

std::string findings_csv(const CheckReport& report) {
    std::string csv = "severity,finding,split,name,detail\n";
    for (const Finding& f : report.findings)
        csv += fmt::format("{},{},{},{},{}\n", severity(f.kind), finding_name(f.kind), f.split, field(f.name),
                           field(f.detail));
    return csv;
}

Json to_json(const Options& o, const Dataset& dataset, const CheckReport& report) {
    Json findings = Json::object();
    std::int64_t errors = 0;
    for (int k = 0; k < kFindingKinds; ++k) {
        const auto kind = static_cast<FindingKind>(k);
        findings[finding_name(kind)] = report.count(kind);
        if (is_error(kind)) errors += report.count(kind);
    }
    return {{"data", o.spec},
            {"pictures", report.images},
            {"width", report.width},
            {"height", report.height},
            {"errors", errors},
            {"warnings", std::ssize(report.findings) - errors},
            {"findings", std::move(findings)},
            {"splits", label_counts_json(dataset, count_labels(dataset))}};
}

std::string to_text(const Dataset& dataset, const CheckReport& report) {
    std::string text = label_counts_table(dataset, count_labels(dataset));
    text += fmt::format("\n{} images, most of {} x {}\n", report.images, report.width, report.height);
    for (int k = 0; k < kFindingKinds; ++k) {
        const auto kind = static_cast<FindingKind>(k);
        const std::int64_t count = report.count(kind);
        if (count == 0) continue;
        text += fmt::format("\n{} {}: {}\n", severity(kind), finding_name(kind), count);
        std::int64_t shown = 0;
        for (const Finding& f : report.findings) {
            if (f.kind != kind || shown++ >= kNamed) continue;
            text += fmt::format("  {}{}{}{}{}\n", f.split, f.split.empty() ? "" : " ", excerpt(f.name),
                                f.detail.empty() ? "" : ": ", f.detail);
        }
        if (count > kNamed) text += fmt::format("  and {} more\n", count - kNamed);
    }
    return text + (report.findings.empty() ? "nothing found\n" : "");
}

int run(const CLI::App& app, const Options& o, const Globals& globals) {
    const auto dataset = open_data(app, o.spec, "data check", globals.quiet);
    Progress progress(std::cerr, "checking", stderr_progress(globals.quiet));
    const CheckReport report = check_dataset(
        *dataset, o.workers, [&](std::int64_t done, std::int64_t total) { progress.update(done, total); });
    progress.finish();
    if (!o.csv.empty()) write_file_atomically(o.csv, findings_csv(report));
    print_result(globals, to_json(o, *dataset, report), to_text(*dataset, report));
    return report.good() ? kSuccess : kBadInput;
}

}  // namespace

Run add_data_check(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("--data", o->spec, data_spec_help())->type_name("SPEC")->required();
    app.add_option("--csv", o->csv, "write every finding to this file, a row each")->type_name("FILE.csv");
    add_number(app, "--workers", o->workers, from_to(1, 1024), "threads that decode");
    add_dataset_options(app);
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
