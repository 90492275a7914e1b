#include "data/sources/pack_targets.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <fmt/core.h>
#include <xxhash.h>

#include "data/formats/csv.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kColumns = 2;    // before those of the labels
constexpr std::size_t kHashLine = 17;  // 16 digits and a line end
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 28;

[[noreturn]] void refuse_targets(const std::string& where, const std::string& what) {
    throw InputError(fmt::format("[pack] {}: {}", where, what));
}

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

template <class T>
T number_in(const std::string& cell, const std::string& where) {
    T value{};
    const char* const end = cell.data() + cell.size();
    const auto [at, error] = std::from_chars(cell.data(), end, value);
    if (error != std::errc() || at != end)
        refuse_targets(where, fmt::format("wanted a number, got '{}'", excerpt(cell)));
    return value;
}

void read_row(const std::vector<std::string>& cells, const std::string& where, std::size_t labels, Sample& sample) {
    sample.weight = number_in<float>(cells[1], where);
    if (!(sample.weight >= 0)) refuse_targets(where, fmt::format("a weight of {}", sample.weight));
    for (std::size_t k = 0; k < labels; ++k) {
        const std::string& cell = cells[kColumns + k];
        if (cell.empty()) continue;
        const auto target = number_in<float>(cell, where);
        if (!(target >= 0 && target <= 1) || sample.is_known(k))
            refuse_targets(where, fmt::format("a target of {} for label {}, which is {}known", target, k,
                                              sample.is_known(k) ? "" : "not "));
        if (sample.soft.empty()) sample.soft.assign(labels, kNoSoftTarget);
        sample.soft[k] = target;
    }
}

}  // namespace

std::string targets_csv(const std::vector<std::string>& labels, const std::vector<const Sample*>& samples) {
    std::string csv;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const Sample& sample = *samples[i];
        if (sample.weight == 1 && sample.soft.empty()) continue;
        if (csv.empty()) {
            csv = "sample,weight";
            for (const std::string& label : labels) csv += ',' + csv_field(label);
            csv += '\n';
        }
        csv += fmt::format("{},{}", i, sample.weight);
        for (std::size_t k = 0; k < labels.size(); ++k) {
            csv += ',';
            if (!sample.soft.empty() && sample.soft[k] != kNoSoftTarget) csv += fmt::format("{}", sample.soft[k]);
        }
        csv += '\n';
    }
    return csv.empty() ? csv : csv + fmt::format("{:016x}\n", hash_of(csv));
}

void read_targets(const std::string& folder, DatasetContents& contents) {
    const std::string file = folder + "/" + kTargetsName;
    if (!is_there(file))
        refuse_targets(
            file, "the file is not there: the samples' weights and smoothed labels, without which training is another");
    const std::string text = read_file(file, kMaxBytes);
    if (text.size() < kHashLine) refuse_targets(file, "the file is too short");
    const std::string_view table = std::string_view(text).substr(0, text.size() - kHashLine);
    if (text.substr(table.size()) != fmt::format("{:016x}\n", hash_of(table)))
        refuse_targets(file, "the file is damaged: its XXH3 is not what its last line says");
    std::vector<Sample*> samples;
    for (std::vector<Sample>& split : contents.splits)
        for (Sample& sample : split) samples.push_back(&sample);
    const std::size_t labels = contents.task == Task::labels ? contents.label_names.size() : 0,
                      columns = kColumns + labels;
    const std::vector<std::string> lines = split_text(table, '\n');
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        const std::string where = fmt::format("{}:{}", file, i + 1);
        const std::vector<std::string> cells = split_text(lines[i], ',');
        if (cells.size() != columns)
            refuse_targets(where, fmt::format("wanted {} cells, got {}", columns, cells.size()));
        const auto number = number_in<std::uint64_t>(cells[0], where);
        if (number >= samples.size()) refuse_targets(where, fmt::format("sample {} of {}", number, samples.size()));
        read_row(cells, where, labels, *samples[number]);
    }
}

}  // namespace keel
