#include "engine/json.h"

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("A sorted value has the keys of all its objects in order, and nothing else of it changes", "[json]") {
    const Json json = parse_json(R"({"b": [2, {"z": null, "A": "x"}, 1], "a": 1.5})");
    CHECK(json_text(json) == R"({"b":[2,{"z":null,"A":"x"},1],"a":1.5})");
    CHECK(json_text(sorted(json)) == R"({"a":1.5,"b":[2,{"A":"x","z":null},1]})");
    CHECK(json_text(sorted(parse_json("{}"))) == "{}");
    CHECK(json_text(sorted(parse_json("[]"))) == "[]");
    CHECK(json_text(json, 1) ==
          "{\n \"b\": [\n  2,\n  {\n   \"z\": null,\n   \"A\": \"x\"\n  },\n  1\n ],\n \"a\": 1.5\n}");
}

TEST_CASE("What is no JSON is refused or told, and text that is not UTF-8 as well", "[json]") {
    CHECK_THROWS_AS(parse_json("{"), Json::parse_error);
    CHECK(try_parse_json("{").is_discarded());
    CHECK(try_parse_json("[1]")[0] == 1);
    const Json bad = std::string("a\xff");
    CHECK_THROWS_AS(json_text(bad), Json::type_error);
    CHECK(valid_json_text(bad) == "\"a\xEF\xBF\xBD\"");
}
