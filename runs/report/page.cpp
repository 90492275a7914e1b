#include "runs/report/page.h"
#include "engine/base64.h"
#include "engine/json.h"
#include "kernels/version.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace keel::report {
namespace {

constexpr std::string_view kStyle = R"css(
:root { --bg: #ffffff; --fg: #1b2430; --muted: #586474; --card: #f5f7f9; --line: #d9dfe6; --grid: #e4e8ed;
  --s0: #1f62b5; --s1: #c9570c; --s2: #22804a; --s3: #8140a8; --s4: #947100; --s5: #bd2f2f; --s6: #0d7d86; --s7: #6b4f3f; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #11161d; --fg: #e7ebf0; --muted: #9dabba; --card: #1a212a; --line: #303b48; --grid: #2a343f;
    --s0: #6fb3ff; --s1: #ff9f5f; --s2: #5fd08f; --s3: #cb9df2; --s4: #e8c55a; --s5: #ff8278; --s6: #56cfd6; --s7: #cdb0a2; } }
@media print {
  :root { --bg: #ffffff; --fg: #000000; --muted: #444444; --card: #ffffff; --line: #bbbbbb; --grid: #dddddd;
    --s0: #1f62b5; --s1: #c9570c; --s2: #22804a; --s3: #8140a8; --s4: #947100; --s5: #bd2f2f; --s6: #0d7d86; --s7: #6b4f3f; } }
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { margin: 0 auto; padding: 1.5rem 1.5rem 4rem; max-width: 76rem; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
.sub, .note { color: var(--muted); margin: 0 0 1rem; overflow-wrap: anywhere; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr)); }
.grid.small { grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); }
.grid.images { grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); }
.grid.tiles { grid-template-columns: repeat(auto-fit, minmax(min(9.5rem, 100%), 1fr)); gap: .75rem; }
figure, .tile { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem .9rem; }
figure { break-inside: avoid; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: .35rem; overflow-wrap: anywhere; }
figcaption small { display: block; font-weight: 400; color: var(--muted); font-size: .82rem; line-height: 1.4; }
.keys { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .82rem; margin-bottom: .35rem; overflow-wrap: anywhere; }
.keys span::before { content: ""; display: inline-block; width: 1.1em; height: .2em; border-radius: .1em; margin-right: .45em;
  vertical-align: middle; background: currentColor; }
.tile b { display: block; font-size: 1.3rem; line-height: 1.3; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile span { color: var(--muted); font-size: .82rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; }
th { color: var(--muted); font-weight: 600; font-size: .85rem; }
tr { break-inside: avoid; }
tr:last-child td { border-bottom: 0; }
.wide + .note, .facts + .note { margin-top: .6rem; }
table.total tr:last-child td { font-weight: 600; }
table.words th, table.words td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
td svg { display: block; margin-left: auto; }
.facts { columns: 21rem; column-gap: 2.5rem; font-size: .88rem; }
.facts div { display: flex; justify-content: space-between; gap: 1rem; padding: .15rem 0; border-bottom: 1px solid var(--grid);
  break-inside: avoid; }
.facts span { color: var(--muted); white-space: nowrap; }
.facts b { font-weight: 400; text-align: right; overflow-wrap: anywhere; min-width: 0; }
.facts .strong b { font-weight: 700; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.pair img { width: 100%; height: auto; display: block; border-radius: 4px; background: #000; }
svg { max-width: 100%; height: auto; }
svg.plot { width: 100%; display: block; }
svg text { fill: var(--muted); font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
svg .axis { stroke: var(--muted); } svg .grid-line { stroke: var(--grid); }
svg .guide { stroke: var(--muted); stroke-dasharray: 4 4; }
svg .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .faint { stroke-width: 1.2; opacity: .45; }
svg .dot { fill: currentColor; } svg .hover { fill: transparent; }
svg .cell-text { text-anchor: middle; fill: var(--fg); } svg .on { fill: var(--bg); }
.c0 { color: var(--s0); } .c1 { color: var(--s1); } .c2 { color: var(--s2); } .c3 { color: var(--s3); }
.c4 { color: var(--s4); } .c5 { color: var(--s5); } .c6 { color: var(--s6); } .c7 { color: var(--s7); }
.bad { color: var(--s5); }
footer { margin-top: 3rem; color: var(--muted); font-size: .82rem; }
)css";

constexpr std::string_view kPage = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{0}</title>
<style>{1}</style>
</head>
<body>
{2}
<footer>Written by keel {3}.</footer>
</body>
</html>
)html";

/// What is no UTF-8 replaced by U+FFFD, which the JSON library knows how to do.
std::string mended(std::string_view text) { return parse_json(valid_json_text(std::string(text))).get<std::string>(); }

}  // namespace

std::string escape(std::string_view text) {
    std::string html;
    for (const char c : mended(text)) {
        switch (c) {
            case '&':
                html += "&amp;";
                break;
            case '<':
                html += "&lt;";
                break;
            case '>':
                html += "&gt;";
                break;
            case '"':
                html += "&quot;";
                break;
            case '\'':
                html += "&#39;";
                break;
            default:
                if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
                    html += "\xEF\xBF\xBD";
                else
                    html += c;
        }
    }
    return html;
}

std::string data_uri(std::string_view mime, std::span<const std::uint8_t> bytes) {
    return fmt::format("data:{};base64,{}", mime,
                       to_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

std::string page(std::string_view title, const std::string& body_html) {
    return fmt::format(fmt::runtime(kPage), escape(title), kStyle, body_html, KEEL_VERSION);
}

std::string section(std::string_view heading, const std::string& html) {
    return fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", escape(heading), html);
}

std::string note(std::string_view text) { return fmt::format("<p class=\"note\">{}</p>\n", escape(text)); }

std::string figure(std::string_view caption, const std::vector<std::string>& series, const std::string& html) {
    std::string keys;
    if (series.size() > 1)
        for (std::size_t i = 0; i < series.size(); ++i)
            keys += fmt::format("<span class=\"c{}\">{}</span>", i % 8, escape(series[i]));
    if (!keys.empty()) keys = "<div class=\"keys\">" + keys + "</div>\n";
    return fmt::format("<figure>\n<figcaption>{}</figcaption>\n{}{}</figure>\n", escape(caption), keys, html);
}

std::string tiles(const std::vector<Tile>& list) {
    std::string html = "<div class=\"grid tiles\">\n";
    for (const Tile& tile : list)
        html +=
            fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>\n", escape(tile.value), escape(tile.name));
    return html + "</div>\n";
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view css_class) {
    std::string html = fmt::format("<div class=\"wide\"><table class=\"{}\">\n", escape(css_class));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const char* const tag = i == 0 ? "th" : "td";
        html += "<tr>";
        for (const std::string& cell : rows[i]) html += fmt::format("<{0}>{1}</{0}>", tag, cell);
        html += "</tr>\n";
    }
    return html + "</table></div>\n";
}

std::string facts(const std::vector<Fact>& list) {
    std::string html = "<div class=\"facts\">\n";
    for (const Fact& fact : list)
        html += fmt::format("<div{}><span>{}</span><b>{}</b></div>\n", fact.strong ? " class=\"strong\"" : "",
                            escape(fact.name), escape(fact.value));
    return html + "</div>\n";
}

std::string number(double value, int digits) { return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, digits); }

}  // namespace keel::report
