#include "runs/report/page.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/catch.h"

using namespace keel::report;

TEST_CASE("Text from outside cannot become markup", "[page]") {
    CHECK(escape("<b a=\"1\" c='2'>&</b>") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;&lt;/b&gt;");
    CHECK(escape("grün ✓") == "grün ✓");
    CHECK(escape(std::string("a\0b\x1f", 4)) ==
          "a\xEF\xBF\xBD"
          "b\xEF\xBF\xBD");
    CHECK(escape("\xff") == "\xEF\xBF\xBD");
    CHECK(escape("\xed\xa0\x80").find('\xed') == std::string::npos);  // a surrogate is no UTF-8
}

TEST_CASE("Bytes become base64 of RFC 4648's examples", "[page]") {
    const auto encoded = [](const std::string& text) {
        const std::vector<std::uint8_t> bytes(text.begin(), text.end());
        return data_uri("a/b", bytes);
    };
    CHECK(encoded("") == "data:a/b;base64,");
    CHECK(encoded("f") == "data:a/b;base64,Zg==");
    CHECK(encoded("fo") == "data:a/b;base64,Zm8=");
    CHECK(encoded("foobar") == "data:a/b;base64,Zm9vYmFy");
    CHECK(encoded("\xff\xfe\xfd") == "data:a/b;base64,//79");
}

TEST_CASE("The shapes of a page escape text and keep HTML", "[page]") {
    CHECK(note("a < b") == "<p class=\"note\">a &lt; b</p>\n");
    CHECK(section("<h>", "<p>x</p>\n") == "<section>\n<h2>&lt;h&gt;</h2>\n<p>x</p>\n</section>\n");
    CHECK(tiles({{"1 < 2", "a & b"}}) ==
          "<div class=\"grid tiles\">\n<div class=\"tile\"><b>1 &lt; 2</b><span>a &amp; b</span></div>\n</div>\n");
    CHECK(facts({{"lr", "0.1", true}, {"seed", "<0>"}}) ==
          "<div class=\"facts\">\n<div class=\"strong\"><span>lr</span><b>0.1</b></div>\n"
          "<div><span>seed</span><b>&lt;0&gt;</b></div>\n</div>\n");
    CHECK(table({{"a", "<i>b</i>"}, {"1", "2"}}, "wide\"") ==
          "<div class=\"wide\"><table class=\"wide&quot;\">\n<tr><th>a</th><th><i>b</i></th></tr>\n"
          "<tr><td>1</td><td>2</td></tr>\n</table></div>\n");
    const std::string html = page("a <title>", "<p>body</p>");
    CHECK(html.starts_with("<!DOCTYPE html>\n"));
    CHECK(html.find("<title>a &lt;title&gt;</title>") != std::string::npos);
    CHECK(html.find("<body>\n<p>body</p>\n") != std::string::npos);
}

TEST_CASE("A figure names its series by color, a single one not", "[page]") {
    CHECK(figure("Loss", {"one"}, "<svg/>") == "<figure>\n<figcaption>Loss</figcaption>\n<svg/></figure>\n");
    const std::vector<std::string> nine(9, "<x>");
    const std::string html = figure("Loss", nine, "");
    CHECK(html.find("<span class=\"c7\">&lt;x&gt;</span><span class=\"c0\">") != std::string::npos);
}

TEST_CASE("Numbers have the digits asked for, NaN is a dash", "[page]") {
    CHECK(number(0.84125) == "0.8413");
    CHECK(number(33.04, 1) == "33.0");
    CHECK(number(std::nan("")) == "–");
}
