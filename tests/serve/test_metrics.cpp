#include "serve/metrics.h"

#include <regex>
#include <sstream>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel::serve;
using keel::test::contains;

TEST_CASE("Metrics are text as Prometheus reads it", "[metrics]") {
    Metrics metrics;
    metrics.add("keel_requests_total", {{"model", "m"}, {"code", "200"}});
    metrics.add("keel_requests_total", {{"model", "m"}, {"code", "200"}}, 2);
    metrics.set("keel_queue_images", {}, 3);
    metrics.set("keel_queue_images", {}, 5);
    metrics.observe("keel_batch_images", {{"model", "m"}}, 1);
    metrics.observe("keel_batch_images", {{"model", "m"}}, 8);
    metrics.observe("keel_batch_images", {{"model", "m"}}, 1000);
    const std::string text = metrics.text();
    CHECK_THAT(text, contains("# TYPE keel_requests_total counter\nkeel_requests_total{model=\"m\",code=\"200\"} 3\n"));
    CHECK_THAT(text, contains("keel_queue_images 5\n"));
    CHECK_THAT(text, contains("keel_batch_images_bucket{model=\"m\",le=\"1\"} 1\n"));
    CHECK_THAT(text, contains("keel_batch_images_bucket{model=\"m\",le=\"4\"} 1\n"));
    CHECK_THAT(text, contains("keel_batch_images_bucket{model=\"m\",le=\"8\"} 2\n"));
    CHECK_THAT(text, contains("keel_batch_images_bucket{model=\"m\",le=\"+Inf\"} 3\n"));
    CHECK_THAT(text, contains("keel_batch_images_sum{model=\"m\"} 1009\nkeel_batch_images_count{model=\"m\"} 3\n"));
    const std::regex line(
        R"((# (HELP|TYPE) [a-z_]+ .+)|([a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? [-+.0-9einf]+))");
    std::istringstream lines(text);
    for (std::string one; std::getline(lines, one);) CHECK(std::regex_match(one, line));
}

TEST_CASE("Values of labels are escaped, names of metrics are known", "[metrics]") {
    Metrics metrics;
    metrics.add("keel_failures_total", {{"reason", "a\"b\\c\nd"}});
    CHECK_THAT(metrics.text(), contains("{reason=\"a\\\"b\\\\c\\nd\"} 1\n"));
    CHECK_THROWS_AS(metrics.add("keel_other"), keel::UsageError);
    CHECK(resident_bytes() > 1e6);
}
