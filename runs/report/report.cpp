#include "runs/report/report.h"

#include <fmt/format.h>

#include <exception>

#include "engine/files.h"
#include "engine/paths.h"
#include "runs/report/costs.h"
#include "runs/report/data_section.h"
#include "runs/report/errors.h"
#include "runs/report/page.h"
#include "runs/report/scores.h"
#include "runs/report/sections.h"
#include "runs/report/subgroups.h"

namespace keel::report {

std::filesystem::path write_report(const std::filesystem::path& path, std::vector<Remark>* data) {
    const RunData run = read_run_data(path);
    std::string body = fmt::format("<h1>{}</h1>\n<p class=\"sub\">{} on {}</p>\n", escape(run.name),
                                   escape(run.config.model), escape(run.config.data));
    body += summary_html(run);
    body += section("Course", run.metrics.rows > 0 ? curves_html(run) : note("No epoch has been finished yet."));
    body += section("Scores", scores_html(run));
    if (const std::string groups = subgroups_html(run); !groups.empty()) body += section("Subgroups", groups);
    if (run.predictions && !run.predictions->multi_label)
        body += section("Confusion", confusion_html(*run.predictions));
    if (run.predictions) body += section("Most confident errors", errors_html(run, data));
    if (const std::string costs = costs_html(run); !costs.empty()) body += section("Cost", costs);
    body += section("Data", data_html(run));
    body += section("Configuration", config_html(run));
    body += section("Machine", machine_html(run));
    const std::filesystem::path file = path / "report.html";
    write_file_atomically(file, page(run.name + " – Keel", body));
    return file;
}

void try_report(RunDirectory& directory) {
    try {
        if (is_there(directory.config_file())) write_report(directory.path());
    } catch (const std::exception& error) {
        directory.log().warn("no report: {}", error.what());
    }
}

}  // namespace keel::report
