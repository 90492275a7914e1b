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
    const auto time = std::chrono::system_clock::from_time_t(784111777);
    CHECK(answer_head({.status = 404, .type = "a/b", .body = "xyz", .fields = {{"Allow", "GET"}}}, "Not Found", false,
                      time) ==
          "HTTP/1.1 404 Not Found\r\nServer: keel\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: a/b\r\n"
          "Allow: GET\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
    CHECK(answer_head({}, "OK", true, time) ==
          "HTTP/1.1 200 OK\r\nServer: keel\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n");
    CHECK(error_response(404, "a \"b\"").body == R"({"error":"a \"b\""})");
}
