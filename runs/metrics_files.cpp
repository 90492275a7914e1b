#include "runs/metrics_files.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>

#include "engine/files.h"
#include "engine/json.h"
#include "engine/paths.h"
#include "engine/text.h"

namespace keel {
namespace {

constexpr std::uint64_t kLimit = std::uint64_t{1} << 30;  // bytes

/// The cells of a line of CSV; a quoted comma separates none.
std::ptrdiff_t cells_of(std::string_view line) {
    bool quoted = false;
    std::ptrdiff_t cells = 1;
    for (const char c : line) {
        if (c == '"') quoted = !quoted;
        if (c == ',' && !quoted) ++cells;
    }
    return cells;
}

/// The epoch of a row, none where it is no row of a table with such a head.
std::optional<std::int64_t> epoch_of_csv(std::string_view line, std::ptrdiff_t cells) {
    std::int64_t epoch = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), epoch);
    const std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
    const bool ends = rest.empty() || rest.front() == ',';
    return error == std::errc() && ends && cells_of(line) == cells ? std::optional(epoch) : std::nullopt;
}

std::optional<std::int64_t> epoch_of_json(std::string_view line) {
    const Json row = try_parse_json(line);
    if (!row.is_object() || !row.contains("epoch") || !row["epoch"].is_number_integer()) return std::nullopt;
    return row["epoch"].get<std::int64_t>();
}

}  // namespace

std::vector<std::string> cut_metrics(const std::filesystem::path& file, MetricsForm form, std::int64_t epoch) {
    if (!is_there(file)) return {};
    const std::string whole = read_file(file, kLimit);
    std::istringstream lines(whole);
    std::string kept;
    std::vector<std::string> damaged;
    std::ptrdiff_t cells = 0;  // of the head
    std::int64_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (lines.eof()) break;  // what a crash left of a row
        if (line.ends_with('\r')) line.pop_back();
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const bool head = form == MetricsForm::csv && cells == 0 && (line == "epoch" || line.starts_with("epoch,"));
        if (head) cells = cells_of(line);
        const auto of_line = head                         ? std::optional<std::int64_t>(0)
                             : form == MetricsForm::jsonl ? epoch_of_json(line)
                                                          : epoch_of_csv(line, cells);
        if (!of_line) damaged.push_back(fmt::format("{}: {}", number, excerpt(line)));
        if (head || (of_line && *of_line <= epoch)) kept += line + "\n";
    }
    std::vector<std::string> remarks;
    if (!damaged.empty()) {
        const std::filesystem::path beside = file.string() + ".damaged";
        write_file_atomically(beside, whole);
        for (const std::string& line : damaged)
            remarks.push_back(fmt::format("[run] {}:{} is no row of metrics and left out; {} has the file as it was",
                                          file.string(), line, beside.string()));
    }
    if (kept != whole) write_file_atomically(file, kept);
    return remarks;
}

}  // namespace keel
