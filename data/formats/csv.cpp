#include "data/formats/csv.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "data/formats/text_file.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kMaxCells = 4096, kMaxCellBytes = std::size_t{1} << 20;
constexpr std::string_view kNoBreakSpace = "\xC2\xA0";

struct Separator {
    char character;
    const char* name;
};
constexpr Separator kSeparators[] = {{',', "commas"}, {';', "semicolons"}, {'\t', "tabs"}};

/// Where records are taken from, one after another.
class Records {
public:
    Records(std::string_view text, const std::string& path, char separator, std::size_t at = 0, std::size_t line = 1)
        : text_(text), path_(path), separator_(separator), at_(at), line_(line) {}

    /// Reads the next record that is no empty line; false at the end.
    bool next(TableRow& row) {
        while (at_end_of_line()) end_line();
        if (at_ == text_.size()) return false;
        row.line = line_;
        std::size_t cells = 0;
        do {
            if (cells == kMaxCells) refuse(row.line, fmt::format("more than {} cells", kMaxCells));
            if (row.cells.size() == cells) row.cells.emplace_back();
            read_cell(row.cells[cells++]);
        } while (take_separator());
        row.cells.resize(cells);
        end_line();
        return true;
    }
    std::size_t at() const { return at_; }
    std::size_t line() const { return line_; }

private:
    [[noreturn]] void refuse(std::size_t line, const std::string& what) const {
        throw InputError(fmt::format("[csv] {}:{}: {}", path_, line, what));
    }
    bool at_end_of_line() const { return at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r'); }
    void end_line() {
        if (at_ == text_.size()) return;
        at_ += text_.compare(at_, 2, "\r\n") == 0 ? 2 : 1;
        ++line_;
    }
    bool take_separator() {
        const bool there = at_ < text_.size() && text_[at_] == separator_;
        if (there) ++at_;
        return there;
    }
    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || (text_[at_] == '\t' && separator_ != '\t'))) ++at_;
    }
    void append(std::string& cell, std::string_view part) const {
        if (cell.size() + part.size() > kMaxCellBytes)
            refuse(line_, fmt::format("a cell of more than {} bytes", kMaxCellBytes));
        cell += part;
    }

    void read_cell(std::string& cell) {
        cell.clear();
        const std::size_t begin = at_;
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == '"') return read_quoted(cell);
        const char ends[] = {separator_, '\n', '\r', '\0'};
        at_ = std::min(text_.find_first_of(ends, begin), text_.size());
        append(cell, text_.substr(begin, at_ - begin));
    }

    void read_quoted(std::string& cell) {
        const std::size_t opened = line_;
        for (++at_;; ++at_) {
            const std::size_t end = text_.find('"', at_);
            if (end == std::string_view::npos) refuse(opened, "a quote that is not closed");
            const std::string_view part = text_.substr(at_, end - at_);
            count_lines(part);
            append(cell, part);
            at_ = end + 1;
            if (at_ == text_.size() || text_[at_] != '"') break;
            append(cell, "\"");
        }
        skip_blanks();
        if (at_ < text_.size() && text_[at_] != separator_ && !at_end_of_line())
            refuse(line_, fmt::format("wanted a separator behind the quote, got '{}'", excerpt(text_.substr(at_, 20))));
    }
    void count_lines(std::string_view part) {
        for (std::size_t i = 0; i < part.size(); ++i)
            if (part[i] == '\n' || (part[i] == '\r' && part.substr(i, 2) != "\r\n")) ++line_;
    }

    std::string_view text_;
    const std::string& path_;
    char separator_;
    std::size_t at_, line_;
};

}  // namespace

std::vector<std::string> read_lines(const std::string& path) {
    const TextFile file = read_text_file(path);
    std::string_view text = file.text;
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = text.find_first_of("\r\n");
        lines.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
    }
    return lines;
}

std::vector<std::string> split_fields(std::string_view line, char separator) {
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
            fields.back() += '"';
            ++i;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == separator && !quoted) {
            fields.emplace_back();
        } else {
            fields.back() += c;
        }
    }
    return fields;
}

std::vector<std::string> split_text(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string_view trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
    while (!text.empty()) {
        if (blank(text.front()))
            text.remove_prefix(1);
        else if (text.starts_with(kNoBreakSpace))
            text.remove_prefix(2);
        else
            break;
    }
    while (!text.empty()) {
        if (blank(text.back()))
            text.remove_suffix(1);
        else if (text.ends_with(kNoBreakSpace))
            text.remove_suffix(2);
        else
            break;
    }
    return text;
}

std::string column_key(std::string_view name) {
    std::string key;
    for (const char c : name) {
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80)
            key += upper ? static_cast<char>(c + 32) : c;
    }
    return key;
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos && trimmed(text).size() == text.size() &&
        text.find_first_of(";\t") == std::string::npos)
        return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
}

TableFile::TableFile(std::string path, Heading heading) : path_(std::move(path)) {
    TextFile file = read_text_file(path_);
    text_ = std::move(file.text);
    TableRow first;
    std::size_t most = 0;
    std::string separated = "no records";
    for (const auto& [character, name] : kSeparators) {
        TableRow row;
        Records records(text_, path_, character);
        try {
            if (!records.next(row)) throw InputError(fmt::format("[csv] {} is empty", path_));
        } catch (const InputError&) {
            // What another separator makes of a quote is no matter, if this one is not the file's.
            if (character == '\t' && most == 0) throw;
            continue;
        }
        if (row.cells.size() <= most) continue;
        most = row.cells.size();
        first = std::move(row);
        separator_ = character;
        separated = fmt::format("separated by {}", name);
        if (heading == Heading::names) rows_at_ = records.at(), rows_line_ = records.line();
    }
    if (heading == Heading::names)
        for (const std::string& name : first.cells) header_.emplace_back(trimmed(name));
    form_ = separated + (file.encoding == "UTF-8" ? "" : ", " + file.encoding) + (file.compressed ? ", gzip" : "");
}

std::optional<std::size_t> TableFile::find(std::string_view name) const {
    const auto only = [&](const auto& fits) {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < header_.size(); ++i) {
            if (!fits(header_[i])) continue;
            if (found) throw InputError(fmt::format("[csv] {}:1: the column '{}' comes twice", path_, excerpt(name)));
            found = i;
        }
        return found;
    };
    const std::string key = column_key(name);
    const auto exact = only([&](const std::string& title) { return title == name; });
    return exact ? exact : only([&](const std::string& title) { return !key.empty() && column_key(title) == key; });
}

std::string TableFile::where(const TableRow& row) const { return fmt::format("{}:{}", path_, row.line); }

void TableFile::for_each_row(const std::function<void(TableRow& row)>& each) const {
    Records records(text_, path_, separator_, rows_at_, rows_line_);
    for (TableRow row; records.next(row);) each(row);
}

}  // namespace keel
