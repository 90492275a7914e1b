#include "engine/toml_text.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace keel {
namespace {

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// Where a string that begins at `at` ends, past its quotes. Where a backslash, with blanks behind it or without, comes
/// before a character beyond ASCII: there.
std::size_t past_string(std::string_view text, std::size_t at) {
    const char quote = text[at];
    const bool basic = quote == '"';
    const std::string_view three = basic ? R"(""")" : "'''";
    const bool multiline = text.substr(at, 3) == three;
    for (at += multiline ? 3 : 1; at < text.size(); ++at) {
        if (basic && text[at] == '\\') {
            ++at;
            const std::size_t next = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
            if (next < text.size() && !is_ascii(text[next])) return next;
            if (multiline && next > at) at = next - 1;
        } else if (multiline && text.substr(at, 3) == three) {
            at += 3;
            for (int more = 0; more < 2 && at < text.size() && text[at] == quote; ++more) ++at;
            return at;
        } else if (!multiline && (text[at] == quote || text[at] == '\n')) {
            return at + 1;
        }
    }
    return text.size();
}

/// Where in a text a parser is that has met no fault yet: what a quote means depends on it.
class Position {
public:
    /// In the middle of what has no quotes a quote is any character, to a parser as well.
    bool may_begin_string() const { return !bare_; }

    void pass(char c) {
        const bool opens = !bare_ && !key_ && (c == '[' || c == '{');
        bare_ = !ends_bare(c) && (bare_ || (c != '[' && c != '{'));
        if (opens) open_.push_back(c);
        if ((c == ']' || c == '}') && !open_.empty()) open_.pop_back();
        if (c == '=') key_ = false;
        if (opens || c == ',') key_ = !open_.empty() && open_.back() == '{';
        if (c == '\n' && open_.empty()) key_ = true;
    }

private:
    bool ends_bare(char c) const {
        return std::string_view(" \t\r\n,]}").find(c) != std::string_view::npos || (key_ && (c == '=' || c == '.'));
    }

    std::string open_;  // brackets and braces of values
    bool key_ = true;   // before an equals sign, or in a table's header
    bool bare_ = false;
};

}  // namespace

std::optional<int> line_beyond_ascii(std::string_view toml) {
    if (toml.starts_with("\xEF\xBB\xBF")) toml.remove_prefix(3);  // a byte order mark
    Position position;
    for (std::size_t at = 0; at < toml.size();) {
        const char c = toml[at];
        if (!is_ascii(c))
            return static_cast<int>(1 + std::count(toml.begin(), toml.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
        if (c == '#') {
            at = std::min(toml.find('\n', at), toml.size());
        } else if (position.may_begin_string() && (c == '"' || c == '\'')) {
            at = past_string(toml, at);
        } else {
            position.pass(c);
            ++at;
        }
    }
    return std::nullopt;
}

}  // namespace keel
