#include "serve/infer_request.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using keel::test::contains;

namespace {

InferRequest parse(const std::string& body) { return parse_infer_request(body, std::nullopt); }

std::string with_input(const std::string& fields) {
    return R"({"inputs": [{"name": "x", "datatype": "FP32", )" + fields + "}]}";
}

std::string refusal(const std::string& body, std::optional<std::size_t> json_bytes = std::nullopt) {
    try {
        parse_infer_request(body, json_bytes);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("A request of JSON alone", "[infer_request]") {
    const InferRequest request = parse(R"({"id": "42", "parameters": {"timeout": 5000, "x": true, "y": 1.5, "z": "t"},
        "inputs": [{"name": "pixels", "shape": [1, 2, 3], "datatype": "UINT8", "parameters": {"layout": "NHWC"},
                    "data": [0, 255, 3, 4, 5, 6]},
                   {"data": [[["a"]], [["b"]]], "name": "texts", "shape": [2, 1, 1], "datatype": "BYTES"}],
        "outputs": [{"name": "p", "parameters": {"binary_data": false}}, {"name": "q"}]})");
    CHECK(request.id == "42");
    CHECK(whole_parameter(request.parameters, "timeout") == 5000);
    CHECK(bool_parameter(request.parameters, "x") == true);
    CHECK(text_parameter(request.parameters, "z") == "t");
    CHECK_FALSE(text_parameter(request.parameters, "none"));
    CHECK_THROWS_AS(text_parameter(request.parameters, "x"), InputError);
    REQUIRE(request.inputs.size() == 2);
    CHECK(request.inputs[0].shape == std::vector<std::int64_t>{1, 2, 3});
    CHECK(request.inputs[0].numbers == std::vector<float>{0, 255, 3, 4, 5, 6});
    CHECK(request.inputs[0].whole);
    CHECK(request.inputs[1].texts == std::vector<std::string>{"a", "b"});
    REQUIRE(request.outputs.size() == 2);
    CHECK(bool_parameter(request.outputs[0].parameters, "binary_data") == false);
}

TEST_CASE("Numbers come flat or nested as the shape says", "[infer_request]") {
    const auto numbers = [](const std::string& fields) { return parse(with_input(fields)).inputs[0].numbers; };
    const std::vector<float> six{1, 2, 3, 4, 5, 6};
    CHECK(numbers(R"("shape": [2, 3], "data": [1, 2, 3, 4, 5, 6])") == six);
    CHECK(numbers(R"("shape": [2, 3], "data": [[1, 2, 3], [4, 5, 6]])") == six);
    CHECK(numbers(R"("data": [[[1], [2], [3]], [[4], [5], [6e0]]], "shape": [2, 3, 1])") == six);
    CHECK(numbers(R"("shape": [0], "data": [])").empty());
    CHECK_FALSE(parse(with_input(R"("shape": [1], "data": [0.5])")).inputs[0].whole);
    CHECK(numbers(R"("shape": [1], "data": [-3.4028234663852886e38])")[0] == std::numeric_limits<float>::lowest());
}

TEST_CASE("Data that is no tensor is refused", "[infer_request]") {
    for (const char* data : {"[[1, 2], [3]]",
                             "[[1], 2]",
                             "[1, [2]]",
                             "[[1, 2], [[3], [4]]]",
                             "[[[1]], [[2, 3]]]",
                             "[[1], [], [2, 3]]",
                             "[[], [1]]",
                             "[1, \"a\"]",
                             "[\"a\", 1]",
                             "[1, null]",
                             "[true]",
                             "[{}]",
                             "[1e39]",
                             "[-1e39]",
                             "[1e400]",
                             "7",
                             "\"7\"",
                             "null",
                             "{}",
                             "[NaN]",
                             "[1,]",
                             "[01]"})
        CHECK(refusal(with_input(std::string(R"("shape": [3], "data": )") + data)) != "");
    CHECK_THAT(refusal(with_input(R"("shape": [2, 3], "data": [[1, 2], [3, 4], [5, 6]])")),
               contains("nested otherwise"));
    CHECK_THAT(refusal(with_input(R"("shape": [2], "data": [1])")), contains("1 elements, the shape 2"));
    CHECK_THAT(refusal(with_input(R"("shape": [1], "data": [1], "data": [2])")), contains("twice"));
    CHECK(refusal(with_input(R"("shape": [1], "data": )" + std::string(1'000'000, '['))) != "");
}

TEST_CASE("Requests that say too little, too much or nonsense are refused", "[infer_request]") {
    for (const char* body : {"",
                             "{",
                             "[]",
                             "null",
                             "7",
                             "{}",
                             R"({"inputs": {}})",
                             R"({"inputs": [7]})",
                             R"({"inputs": [{}]})",
                             "\xff",
                             R"({"inputs": [], "other": 1})",
                             R"({"inputs": [], "id": 7})",
                             R"({"inputs": [], "parameters": []})",
                             R"({"inputs": [], "parameters": {"a": []}})",
                             R"({"inputs": [], "parameters": {"a": null}})",
                             R"({"inputs": [], "outputs": [7]})",
                             R"({"inputs": [], "outputs": [{}]})",
                             R"({"inputs": [], "inputs": []})",
                             R"({"inputs": [], "parameters": {"a": 18446744073709551615}})",
                             R"({"inputs": []} {})"})
        CHECK(refusal(body) != "");
    for (const char* fields :
         {R"("shape": [1])", R"("data": [1])", R"("shape": [], "data": [1])", R"("shape": [-1], "data": [1])",
          R"("shape": [1.5], "data": [1])", R"("shape": "1", "data": [1])", R"("shape": [1], "data": [1], "what": 2)",
          R"("shape": [1, 1, 1, 1, 1, 1, 1, 1, 1], "data": [1])",
          R"("shape": [9223372036854775807, 9223372036854775807], "data": [1])",
          R"("shape": [4294967296, 4294967296], "data": [])"})
        CHECK(refusal(with_input(fields)) != "");
    CHECK(refusal(std::string(1'000'000, '[')) != "");
    CHECK(refusal(R"({"inputs": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}") != "");
    std::string many = R"({"parameters": {)";
    for (int i = 0; i < 100'000; ++i) many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
    CHECK_THAT(refusal(many + R"(}, "inputs": []})"), contains("too many parts"));
    CHECK_THAT(refusal(R"({"inputs": [], "parameters": {"a": [1]}})"), contains("'a'"));
}

TEST_CASE("Bytes behind the JSON are the inputs', one after the other", "[infer_request]") {
    const std::string json = R"({"inputs": [
        {"name": "a", "datatype": "UINT8", "shape": [3], "parameters": {"binary_data_size": 3}},
        {"name": "b", "datatype": "FP32", "shape": [1], "data": [2]},
        {"name": "c", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 11}}]})";
    const std::string bytes = std::string("xyz") + std::string("\x02\0\0\0hi\x01\0\0\0!", 11);
    const std::string body = json + bytes;
    const InferRequest request = parse_infer_request(body, json.size());
    CHECK(request.inputs[0].binary == "xyz");
    CHECK_FALSE(request.inputs[1].binary);
    CHECK(request.inputs[1].numbers == std::vector<float>{2});
    CHECK(split_bytes(*request.inputs[2].binary, 2) == std::vector<std::string_view>{"hi", "!"});
    CHECK_THAT(refusal(body + "more", json.size()), contains("4 bytes behind the JSON"));
    CHECK_THAT(refusal(json + "xyz", json.size()), contains("binary_data_size is 11, 0 bytes are left"));
    CHECK(refusal(body) != "");  // all of it would be JSON
}

TEST_CASE("Lengths that lie are refused", "[infer_request]") {
    const std::string head =
        R"({"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1], "parameters": {"binary_data_size": )";
    for (const char* size : {"-1", "2", "9223372036854775807", "1.0", "true", "\"1\""})
        CHECK(refusal(head + size + "}}]}x", head.size() + std::string(size).size() + 4) != "");
    CHECK(parse_json_bytes("0", 7) == 0);
    CHECK(parse_json_bytes("7", 7) == 7);
    for (const char* field : {"8", "-1", "", " 7", "7 ", "0x7", "7.0", "99999999999999999999", "+7"})
        CHECK_THROWS_AS(parse_json_bytes(field, 7), InputError);
    const auto split = [](std::string_view bytes, std::int64_t count) { return split_bytes(bytes, count); };
    using namespace std::string_view_literals;
    CHECK(split(""sv, 0).empty());
    CHECK(split("\0\0\0\0"sv, 1) == std::vector<std::string_view>{""});
    CHECK_THROWS_AS(split(""sv, 1), InputError);
    CHECK_THROWS_AS(split("\0\0\0"sv, 1), InputError);
    CHECK_THROWS_AS(split("\x02\0\0\0a"sv, 1), InputError);
    CHECK_THROWS_AS(split("\xff\xff\xff\xff"sv, 1), InputError);
    CHECK_THROWS_AS(split("\0\0\0\0\0\0\0\0"sv, 1), InputError);
    CHECK_THROWS_AS(split("\0\0\0\0"sv, 2), InputError);
}
