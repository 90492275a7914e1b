// What every page has in common: escaping, the frame with its style, and the few shapes of HTML that pages are put
// together from. Functions take text (`std::string_view text`) and escape it, or finished HTML (`std::string html`),
// and return HTML.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keel::report {

/// Returns text for element contents and quoted attributes: & < > " ' become entities; control characters and what is
/// no UTF-8 become U+FFFD.
std::string escape(std::string_view text);

/// "data:image/jpeg;base64,..."; `mime` is a type's name.
std::string data_uri(std::string_view mime, std::span<const std::uint8_t> bytes);

/// A whole document. It loads nothing and runs no script; light or dark as the reader's system is, black on white on
/// paper.
std::string page(std::string_view title, const std::string& body_html);

std::string section(std::string_view heading, const std::string& html);
std::string note(std::string_view text);

/// A figure with its caption and the names of its series, numbered by color; a single name is left out.
std::string figure(std::string_view caption, const std::vector<std::string>& series, const std::string& html);

/// A key figure: a large value over its name.
struct Tile {
    std::string value, name;
};
std::string tiles(const std::vector<Tile>& list);

/// The first row is the head. Cells are HTML; the first column is aligned to the left, the others to the right.
std::string table(const std::vector<std::vector<std::string>>& rows_html, std::string_view css_class = "");

/// Names and values, in columns; `strong` ones stand out.
struct Fact {
    std::string name, value;
    bool strong = false;
};
std::string facts(const std::vector<Fact>& list);

/// "0.8412", or a dash for NaN.
std::string number(double value, int digits = 4);

}  // namespace keel::report
