// The OpenAPI document against what it describes. tests/serve/openapi.py holds a server to it with thousands of
// requests.
#include <algorithm>
#include <set>

#include "engine/json.h"
#include "serve/api.h"
#include "serve/infer_answer.h"
#include "tests/serve/served_files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using keel::test::contains;
using keel::test::ServedFiles;

namespace {

/// Says of every "$ref" within whether the document has what it names.
void check_references(const Json& document, const Json& value, int& count) {
    if (value.is_object() && value.contains("$ref")) {
        const std::string target = value.at("$ref");
        INFO(target);
        REQUIRE(target.starts_with("#"));
        CHECK(document.contains(Json::json_pointer(target.substr(1))));
        ++count;
    }
    for (const Json& part : value)
        if (part.is_structured()) check_references(document, part, count);
}

const Json& infer_in(const Json& document) { return document.at("paths").at("/v2/models/{model}/infer").at("post"); }

/// Reads a request of JSON alone as the server does, up to what the model computes.
std::int64_t images_of(const ServedModel& model, const std::string& json) {
    const auto body = std::make_shared<const std::string>(json);
    const InferRequest request = parse_infer_request(*body, std::nullopt);
    wishes_of(model, request);
    return std::ssize(RequestImages(model, request, body, {}).inputs());
}

std::string refusal_by(const ServedModel& model, const std::string& json) {
    try {
        images_of(model, json);
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("The document has the methods that paths take, and refers to what it has", "[openapi]") {
    const Json document = parse_json(openapi_json(false));
    for (const auto& [path, item] : document.at("paths").items()) {
        INFO(path);
        REQUIRE(route_of(path).kind != RouteKind::none);
        for (const auto& [method, name] : {std::pair{"get", "GET"}, std::pair{"post", "POST"}, std::pair{"put", "PUT"}})
            CHECK(item.contains(method) == takes_method(route_of(path).kind, name));
    }
    int count = 0;
    check_references(document, document, count);
    CHECK(count > 50);
}

TEST_CASE("The document says which operations want a token, where one is wanted", "[openapi]") {
    int wanting = 0;
    for (const bool token : {false, true}) {
        const Json document = parse_json(openapi_json(token));
        for (const auto& [path, item] : document.at("paths").items())
            for (const char* method : {"get", "post"}) {
                if (!item.contains(method)) continue;
                INFO(path << " " << method);
                const Json& operation = item.at(method);
                const bool wants = token && !is_open(route_of(path).kind);
                wanting += wants ? 1 : 0;
                CHECK(operation.at("responses").contains("401") == wants);
                // No list at all: nothing is wanted. An empty object in it would make the token a matter of taste.
                CHECK(operation.contains("security") == wants);
                if (wants) CHECK(json_text(operation.at("security")) == R"([{"bearer":[]}])");
            }
    }
    CHECK(wanting == 9);
}

TEST_CASE("The document's examples are requests that a model answers", "[openapi]") {
    const ServedFiles files(0);
    const auto model = files.model();
    const Json document = parse_json(openapi_json(false));
    const Json& examples = infer_in(document).at("requestBody").at("content").at("application/json").at("examples");
    CHECK(examples.size() == 2);
    for (const auto& [name, example] : examples.items()) {
        INFO(name);
        CHECK(images_of(*model, json_text(example.at("value"))) == 1);
    }
}

TEST_CASE("The document has the inputs and outputs of models", "[openapi]") {
    const Json schemas = parse_json(openapi_json(false)).at("components").at("schemas");
    std::set<std::string> inputs;
    for (const Json& one : schemas.at("InferInput").at("oneOf")) {
        const Json& properties = one.at("properties");
        inputs.insert(properties.at("name").at("enum").at(0).get<std::string>() + " " +
                      properties.at("datatype").at("enum").at(0).get<std::string>());
    }
    CHECK(inputs == std::set<std::string>{"image BYTES", "pixels UINT8", "pixels FP32", "input FP32"});
    const ServedFiles files(0);
    const auto model = files.model();
    for (const TensorInfo& input : inputs_of(*model)) CHECK(inputs.contains(input.name + " " + input.datatype));
    const Json& outputs = schemas.at("InferOutput").at("properties").at("name").at("enum");
    for (const TensorInfo& output : outputs_of(*model))
        CHECK(std::ranges::find(outputs, Json(output.name)) != outputs.end());
    CHECK(schemas.at("InferRequest").at("properties").at("outputs").at("maxItems") == kMostOutputs);
}

TEST_CASE("What the document does not allow is refused, though the answer would not need it", "[openapi]") {
    const ServedFiles files(0);
    const auto model = files.model();
    const auto request = [&](const std::string& parameters, const std::string& outputs) {
        Json json = parse_json(openapi_json(false));
        json =
            infer_in(json).at("requestBody").at("content").at("application/json").at("examples").at("file").at("value");
        json["inputs"][0]["parameters"] = parse_json(parameters);
        json["outputs"] = parse_json(outputs);
        return json_text(json);
    };
    const std::string plain = R"([{"name": "probabilities"}])";
    CHECK(refusal_by(*model, request(R"({"layout": "NHWC", "content_type": "base64"})", plain)).empty());
    CHECK_THAT(refusal_by(*model, request(R"({"layout": "CHWN"})", plain)), contains("layout is NHWC or NCHW"));
    CHECK_THAT(refusal_by(*model, request(R"({"layout": true})", plain)), contains("'layout' is to be a text"));
    CHECK_THAT(refusal_by(*model, request(R"({"content_type": 7})", plain)),
               contains("'content_type' is to be a text"));
    CHECK_THAT(refusal_by(*model, request("{}", R"([{"name": "probabilities", "parameters": {"label": 7}}])")),
               contains("'label' is to be a text"));
    CHECK(refusal_by(*model, request("{}", R"([{"name": "probabilities", "parameters": {"label": "b"}}])")).empty());
    CHECK_THAT(refusal_by(*model, request("{}", R"([{"name": "probabilities", "parameters": {"label": "z"}}])")),
               contains("no label 'z'"));
    const auto times = [](int count) {
        std::string list;
        for (int i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + std::string(R"({"name": "probabilities"})");
        return "[" + list + "]";
    };
    CHECK(refusal_by(*model, request("{}", times(8))).empty());
    CHECK_THAT(refusal_by(*model, request("{}", times(9))), contains("wanted at most 8 outputs, got 9"));
}
