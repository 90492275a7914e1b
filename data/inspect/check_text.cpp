#include "data/inspect/check_text.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "data/formats/csv.h"
#include "data/inspect/label_counts.h"
#include "engine/text.h"

namespace keel {
namespace {

constexpr std::int64_t kNamed = 10;  // findings of a kind on the screen

const char* severity(FindingKind kind) { return is_error(kind) ? "error" : "warning"; }

/// For readers that go by lines.
std::string field(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return csv_field(text);
}

}  // namespace

std::string findings_csv(const CheckReport& report) {
    std::string csv = "severity,finding,split,name,detail\n";
    for (const Finding& f : report.findings)
        csv += fmt::format("{},{},{},{},{}\n", severity(f.kind), finding_name(f.kind), f.split, field(f.name),
                           field(f.detail));
    return csv;
}

Json check_json(const std::string& spec, const Dataset& dataset, const CheckReport& report) {
    Json findings = Json::object();
    std::int64_t errors = 0;
    for (int k = 0; k < kFindingKinds; ++k) {
        const auto kind = static_cast<FindingKind>(k);
        findings[finding_name(kind)] = report.count(kind);
        if (is_error(kind)) errors += report.count(kind);
    }
    return {{"data", spec},
            {"pictures", report.images},
            {"width", report.width},
            {"height", report.height},
            {"errors", errors},
            {"warnings", std::ssize(report.findings) - errors},
            {"findings", std::move(findings)},
            {"splits", label_counts_json(dataset, count_labels(dataset))}};
}

std::string check_text(const Dataset& dataset, const CheckReport& report) {
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

}  // namespace keel
