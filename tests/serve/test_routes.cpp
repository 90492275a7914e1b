#include "serve/routes.h"

#include "tests/support/catch.h"

using namespace keel::serve;

TEST_CASE("Paths of the protocol lead where they should", "[routes]") {
    CHECK(route_of("/").kind == RouteKind::page);
    CHECK(route_of("/v2").kind == RouteKind::server);
    CHECK(route_of("/v2/health/live").kind == RouteKind::live);
    CHECK(route_of("/v2/health/ready").kind == RouteKind::ready);
    CHECK(route_of("/v2/repository/index").kind == RouteKind::index);
    CHECK(route_of("/metrics").kind == RouteKind::metrics);
    CHECK(route_of("/openapi.json").kind == RouteKind::openapi);
    const Route model = route_of("/v2/models/chex");
    CHECK((model.kind == RouteKind::model && model.model == "chex" && model.version.empty()));
    const Route version = route_of("/v2/models/chex/versions/7");
    CHECK((version.kind == RouteKind::model && version.model == "chex" && version.version == "7"));
    CHECK(route_of("/v2/models/chex/ready").kind == RouteKind::model_ready);
    CHECK(route_of("/v2/models/chex/versions/7/ready").kind == RouteKind::model_ready);
    CHECK(route_of("/v2/models/chex/infer").kind == RouteKind::infer);
    CHECK(route_of("/v2/models/chex/versions/7/infer").version == "7");
    CHECK(route_of("/v2/models/versions/versions/versions/infer").model == "versions");
}

TEST_CASE("Other paths lead nowhere", "[routes]") {
    for (const char* path : {"",
                             "//",
                             "/v1",
                             "/v2/models",
                             "/v2/models/",
                             "/v2/models//infer",
                             "/v2/models/a/",
                             "/v2/models/a/versions",
                             "/v2/models/a/versions/",
                             "/v2/models/a/versions//infer",
                             "/v2/models/a/infer/",
                             "/v2/models/a/infer/b",
                             "/v2/models/a/versions/1/infer/b",
                             "/v2/models/a/b/c/d/e/f/g",
                             "/v2/health",
                             "/V2",
                             "/../etc/passwd",
                             "/metrics/",
                             "*",
                             "http://a/v2",
                             "/v2/models/a/load"})
        CHECK(route_of(path).kind == RouteKind::none);
    // A name is looked up in a table alone: no path is made of it.
    CHECK(route_of("/v2/models/../infer").model == "..");
    CHECK(route_of("/v2/models/%2e%2e").model == "%2e%2e");
}

TEST_CASE("Routes take their methods", "[routes]") {
    CHECK(takes_method(RouteKind::infer, "POST"));
    CHECK_FALSE(takes_method(RouteKind::infer, "GET"));
    CHECK(takes_method(RouteKind::page, "HEAD"));
    CHECK(takes_method(RouteKind::index, "POST"));  // Triton's clients
    CHECK_FALSE(takes_method(RouteKind::metrics, "POST"));
    CHECK_FALSE(takes_method(RouteKind::page, "TRACE"));
    CHECK_FALSE(takes_method(RouteKind::page, "get"));
    CHECK_FALSE(is_open(RouteKind::infer));
    CHECK_FALSE(is_open(RouteKind::metrics));
    CHECK_FALSE(is_open(RouteKind::index));
    CHECK(is_open(RouteKind::live));
}
