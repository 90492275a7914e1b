#include "serve/http/http_message.h"

#include "tests/support/catch.h"

using namespace keel::serve;

TEST_CASE("Text of HTTP", "[http_message]") {
    CHECK(http_date(std::chrono::system_clock::from_time_t(784111777)) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(parse_address("[::1]:80").host == "::1");
    CHECK(is_loopback(parse_address("127.0.0.2:1")));
    CHECK_FALSE(is_loopback(parse_address("0.0.0.0:1")));
    CHECK_FALSE(is_loopback(parse_address("[::]:1")));
    CHECK(allowance(10, 128 << 10, 64 << 10) == std::chrono::seconds(12));
    CHECK(error_response(404, "a \"b\"").body == R"({"error":"a \"b\""})");
}
