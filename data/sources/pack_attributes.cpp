#include "data/sources/pack_attributes.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::pack {
namespace {

/// A field for a reader that goes by lines.
std::string field(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return csv_field(text);
}

}  // namespace

std::string attributes_csv(const std::vector<std::string>& attribute_names, const std::vector<const Sample*>& samples) {
    std::string csv = "name";
    for (const std::string& name : attribute_names) csv.append(",").append(field(name));
    csv += '\n';
    for (const Sample* sample : samples) {
        csv += field(sample->name);
        for (const std::string& value : sample->attributes) csv.append(",").append(field(value));
        csv += '\n';
    }
    return csv;
}

void read_attributes(const std::string& directory, DatasetContents& contents) {
    const std::string file = directory + "/" + kAttributesName;
    if (!is_there(file)) return;
    const auto refuse = [&](std::size_t line, const std::string& what) {
        throw InputError(fmt::format("[pack] {}:{}: {}", file, line, what));
    };
    const std::vector<std::string> lines = read_lines(file);
    if (lines.empty()) throw InputError(fmt::format("[pack] {} is empty", file));
    contents.attribute_names = split_fields(lines[0], ',');
    if (contents.attribute_names.front() != "name") refuse(1, "the first column is not 'name'");
    contents.attribute_names.erase(contents.attribute_names.begin());
    for (auto name = contents.attribute_names.begin(); name != contents.attribute_names.end(); ++name)
        if (!printable(*name) || std::find(contents.attribute_names.begin(), name, *name) != name)
            refuse(1, fmt::format("attribute '{}': empty, not printable or there twice", excerpt(*name)));
    std::size_t line = 1;
    for (auto& samples : contents.splits)
        for (Sample& sample : samples) {
            if (line == lines.size()) refuse(line, "rows are missing");
            std::vector<std::string> fields = split_fields(lines[line++], ',');
            if (fields.size() != contents.attribute_names.size() + 1 || csv_field(fields[0]) != field(sample.name))
                refuse(line,
                       fmt::format("wanted {} and {} values", excerpt(sample.name), contents.attribute_names.size()));
            sample.attributes.assign(std::make_move_iterator(fields.begin() + 1),
                                     std::make_move_iterator(fields.end()));
        }
    if (line != lines.size()) refuse(line + 1, "more rows than samples");
}

}  // namespace keel::pack
