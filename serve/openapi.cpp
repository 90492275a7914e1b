// The server's OpenAPI document (https://spec.openapis.org/oas/v3.0.3).
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>

#include "engine/json.h"
#include "kernels/version.h"
#include "serve/api.h"
#include "serve/infer_answer.h"

namespace keel::serve {
namespace {

Json reference(const char* schema) { return {{"$ref", std::string("#/components/schemas/") + schema}}; }

Json content(const Json& schema) { return {{"application/json", {{"schema", schema}}}}; }

Json answer(const char* description, const Json& schema) {
    return {{"description", description}, {"content", content(schema)}};
}

/// A field of answers.
Json field_schema(const char* description, const char* type, bool always) {
    return {{"description", description}, {"required", always}, {"schema", {{"type", type}}}};
}

using Code = std::pair<const char*, const char*>;  ///< of a status, and what it means

/// What any request may be refused for, whatever it asks.
constexpr std::array kRefusals{Code{"400", "This is no request of HTTP, or one that could be read in two ways"},
                               Code{"413", "The body is too long"},
                               Code{"415", "The body is encoded"},
                               Code{"417", "The server knows no such expectation"},
                               Code{"431", "The line and fields are too long"},
                               Code{"500", "The server failed"},
                               Code{"501", "The server knows no such transfer encoding"},
                               Code{"503", "The server stops, or holds all that it may"},
                               Code{"505", "Wanted HTTP/1.0 or HTTP/1.1"}};

/// The refusals as components, which operations refer to.
Json refusals() {
    Json all;
    for (const auto& [code, description] : kRefusals) all[code] = answer(description, reference("Error"));
    all["503"]["headers"]["Retry-After"] = field_schema("Seconds", "integer", false);
    return all;
}

/// Answers of a route: 200, the errors of its own and those of any.
Json answers(Json ok, std::initializer_list<Code> errors = {}) {
    Json all{{"200", std::move(ok)}};
    for (const auto& [code, description] : errors) all[code] = answer(description, reference("Error"));
    for (const auto& [code, description] : kRefusals)
        if (!all.contains(code)) all[code] = {{"$ref", std::string("#/components/responses/") + code}};
    return all;
}

/// Answers of a question of health: 200 where all is well, and the same with 503.
Json yes_or_no(const char* schema, const char* no, std::initializer_list<Code> errors = {}) {
    Json all = answers(answer("It does", reference(schema)), errors);
    all["503"] = answer(no, {{"oneOf", Json::array({reference(schema), reference("Error")})}});
    return all;
}

Json path_parameter(const char* name, const char* description) {
    return {{"name", name},
            {"in", "path"},
            {"required", true},
            {"description", description},
            {"schema", {{"type", "string"}, {"pattern", "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$"}}}};
}

Json get(const char* summary, Json answers_of) { return {{"summary", summary}, {"responses", std::move(answers_of)}}; }

Json text_answer(const char* description, const char* type) {
    return {{"description", description}, {"content", {{type, {{"schema", {{"type", "string"}}}}}}}};
}

// What has numbers of the program in it is added below.
constexpr const char* kSchemas = R"json({
"Error": {"type": "object", "required": ["error"], "additionalProperties": false,
  "properties": {"error": {"type": "string"}}},
"Live": {"type": "object", "required": ["live"], "additionalProperties": false,
  "properties": {"live": {"type": "boolean"}}},
"Ready": {"type": "object", "required": ["ready"], "additionalProperties": false,
  "properties": {"name": {"type": "string"}, "ready": {"type": "boolean"}}},
"Server": {"type": "object", "required": ["name", "version", "extensions"], "additionalProperties": false,
  "properties": {"name": {"type": "string"},
  "version": {"type": "string"}, "extensions": {"type": "array", "items": {"type": "string"}}}},
"Index": {"type": "array", "items": {"type": "object", "required": ["name", "version", "state", "reason"],
  "additionalProperties": false, "properties": {
  "name": {"type": "string"}, "version": {"type": "string"}, "state": {"type": "string", "enum": ["READY"]},
  "reason": {"type": "string"}}}},
"Tensor": {"type": "object", "required": ["name", "datatype", "shape", "parameters"], "additionalProperties": false,
  "properties": {"name": {"type": "string"}, "datatype": {"type": "string", "enum": ["BYTES", "UINT8", "INT8", "FP32"]},
  "shape": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": -1}},
  "parameters": {"type": "object", "required": ["about"], "additionalProperties": false,
  "properties": {"about": {"type": "string"}}}}},
"Model": {"type": "object", "required": ["name", "versions", "platform", "inputs", "outputs", "parameters"],
  "additionalProperties": false, "properties": {"name": {"type": "string"},
  "versions": {"type": "array", "items": {"type": "string"}}, "platform": {"type": "string"},
  "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
  "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
  "parameters": {"type": "object", "additionalProperties": false,
  "required": ["labels", "thresholds", "operating_point", "task", "precision", "members", "version"],
  "properties": {"labels": {"type": "array", "items": {"type": "string"}},
  "thresholds": {"type": "array", "items": {"type": "number", "nullable": true}},
  "operating_point": {"type": "string"}, "task": {"type": "string", "enum": ["labels", "classes"]},
  "precision": {"type": "string"}, "members": {"type": "integer", "minimum": 1}, "version": {"type": "string"}}}}},
"InputParameters": {"type": "object", "additionalProperties": false, "properties": {
  "layout": {"type": "string", "enum": ["NHWC", "NCHW"]}, "content_type": {"type": "string"}}},
"InferOutput": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
  "name": {"type": "string", "enum": ["probabilities", "calls", "heatmap", "overlay"]},
  "parameters": {"type": "object", "additionalProperties": false, "properties": {"binary_data": {"type": "boolean"},
  "classification": {"type": "integer", "format": "int64", "minimum": 0}, "label": {"type": "string"}}}}},
"InferRequest": {"type": "object", "required": ["inputs"], "additionalProperties": false,
  "properties": {"id": {"type": "string"},
  "parameters": {"type": "object", "additionalProperties": false, "properties": {"timeout": {"type": "integer",
  "format": "int64", "minimum": 0, "description": "microseconds"}, "binary_data_output": {"type": "boolean"},
  "label": {"type": "string"}}},
  "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/components/schemas/InferInput"}},
  "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/InferOutput"}}}},
"InferResponse": {"type": "object", "required": ["model_name", "model_version", "outputs"],
  "additionalProperties": false, "properties": {"model_name": {"type": "string"},
  "model_version": {"type": "string"}, "id": {"type": "string"}, "outputs": {"type": "array", "minItems": 1,
  "items": {"type": "object", "required": ["name", "datatype", "shape"], "additionalProperties": false,
  "properties": {"name": {"type": "string", "enum": ["probabilities", "calls", "heatmap", "overlay"]},
  "datatype": {"type": "string", "enum": ["FP32", "INT8", "BYTES"]},
  "shape": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}},
  "parameters": {"type": "object", "additionalProperties": false, "properties": {
  "binary_data_size": {"type": "integer", "minimum": 0}, "content_type": {"type": "string", "enum": ["base64"]}}},
  "data": {"type": "array", "items": {"oneOf": [{"type": "number"}, {"type": "string"}]}}}}}}}
})json";

// Black and white, 2 x 2 pixels, once as a file and once decoded.
constexpr const char* kExamples = R"json({
"file": {"summary": "A file", "value": {"id": "7", "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
  "data": ["iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADElEQVR42mNg+A+EAAYAAf+tLDclAAAAAElFTkSuQmCC"]}]}},
"pixels": {"summary": "Decoded pixels, the highest label by name", "value": {"inputs": [{"name": "pixels",
  "datatype": "UINT8", "shape": [1, 2, 2, 1], "data": [[[[0], [255]], [[255], [0]]]]}],
  "outputs": [{"name": "probabilities", "parameters": {"classification": 1}}]}}
})json";

/// Elements in a row, or in lists within one another, as many as the shape has extents.
Json elements_schema(const Json& element, int extents) {
    const auto list = [](Json items) { return Json{{"type", "array"}, {"minItems", 1}, {"items", std::move(items)}}; };
    Json nested = element;
    for (int i = 0; i < extents; ++i) nested = list(std::move(nested));
    return {{"oneOf", Json::array({list(element), std::move(nested)})}};
}

/// An input as JSON alone has it. Lists are as deep as `most` extents.
Json input_schema(const char* name, const char* datatype, int least, int most, const Json& element) {
    Json shape{{"type", "array"}, {"minItems", least}, {"maxItems", most}};
    shape["items"] = {{"type", "integer"}, {"format", "int64"}, {"minimum", 1}};
    const auto only = [](const char* text) { return Json{{"type", "string"}, {"enum", Json::array({text})}}; };
    return {{"type", "object"},
            {"required", Json::array({"name", "datatype", "shape", "data"})},
            {"additionalProperties", false},
            {"properties",
             {{"name", only(name)},
              {"datatype", only(datatype)},
              {"shape", std::move(shape)},
              {"parameters", reference("InputParameters")},
              {"data", elements_schema(element, most)}}}};
}

Json schemas() {
    Json all = parse_json(kSchemas);
    const Json byte{{"type", "integer"}, {"minimum", 0}, {"maximum", 255}},
        part{{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
    all["InferInput"]["oneOf"] =
        Json::array({input_schema("image", "BYTES", 1, 2, {{"type", "string"}, {"format", "byte"}}),
                     input_schema("pixels", "UINT8", 4, 4, byte), input_schema("pixels", "FP32", 4, 4, part),
                     input_schema("input", "FP32", 4, 4, {{"type", "number"}, {"format", "float"}})});
    for (Json* whole : {&all["InferRequest"]["properties"]["parameters"]["properties"]["timeout"],
                        &all["InferOutput"]["properties"]["parameters"]["properties"]["classification"]})
        (*whole)["maximum"] = std::numeric_limits<std::int64_t>::max();
    all["InferRequest"]["properties"]["outputs"]["maxItems"] = kMostOutputs;
    return all;
}

constexpr const char* kJsonBytes = "Inference-Header-Content-Length";

Json infer_operation() {
    const Json bytes{{"schema", {{"type", "string"}, {"format", "binary"}}}};
    Json operation{
        {"summary", "Score images"},
        {"description",
         "JSON alone, or JSON and bytes behind it: then Inference-Header-Content-Length says how many bytes are "
         "JSON, and the parameter binary_data_size of the input, in place of data, how many are its own."}};
    operation["parameters"] = Json::array({Json{{"name", kJsonBytes},
                                                {"in", "header"},
                                                {"required", false},
                                                {"description", "How many of the body's bytes are JSON; else all"},
                                                {"schema", {{"type", "integer"}, {"minimum", 0}}}}});
    operation["requestBody"] = {{"required", true}, {"content", content(reference("InferRequest"))}};
    Json& body = operation["requestBody"]["content"];
    body["application/json"]["examples"] = parse_json(kExamples);
    body["application/octet-stream"] = bytes;
    Json ok = answer("The outputs", reference("InferResponse"));
    ok["content"]["application/octet-stream"] = bytes;
    ok["headers"][kJsonBytes] = field_schema("How many bytes are JSON, where others follow", "integer", false);
    ok["headers"]["Server-Timing"] = field_schema("Milliseconds in the queue and of computing", "string", true);
    operation["responses"] = answers(std::move(ok), {{"400", "The request does not say what the model wants"},
                                                     {"404", "There is no such model"},
                                                     {"422", "An image has no answer"},
                                                     {"429", "The queue is full"},
                                                     {"504", "The deadline passed"}});
    operation["responses"]["429"]["headers"]["Retry-After"] = field_schema("Seconds", "integer", true);
    return operation;
}

/// Marks the operations that want a token.
void require_token(Json& paths) {
    Json refusal = answer("The token is missing or wrong", reference("Error"));
    refusal["headers"]["WWW-Authenticate"] = field_schema("Bearer", "string", true);
    for (const auto& [path, item] : paths.items()) {
        if (is_open(route_of(path).kind)) continue;
        for (const char* method : {"get", "post"}) {
            if (!item.contains(method)) continue;
            item[method]["security"].push_back(Json{{"bearer", Json::array()}});
            item[method]["responses"]["401"] = refusal;
        }
    }
}

Json paths_of_models() {
    const Code none{"404", "There is no such model"};
    Json paths;
    for (const std::string version : {"", "/versions/{version}"}) {
        Json names = Json::array({path_parameter("model", "Name of a model")});
        if (!version.empty()) names.push_back(path_parameter("version", "Version of the model"));
        const auto add = [&](const char* end, const char* method, Json operation) {
            Json& path = paths["/v2/models/{model}" + version + end];
            path["parameters"] = names;
            path[method] = std::move(operation);
        };
        add("", "get", get("A model", answers(answer("Inputs, outputs, labels", reference("Model")), {none})));
        add("/ready", "get", get("Whether a model takes requests", yes_or_no("Ready", "It stops", {none})));
        add("/infer", "post", infer_operation());
    }
    return paths;
}

}  // namespace

std::string openapi_json(bool wants_token) {
    Json paths;
    paths["/"]["get"] = get("A page to try models", answers(text_answer("HTML", "text/html")));
    paths["/v2"]["get"] = get("The server", answers(answer("Its name", reference("Server"))));
    paths["/v2/health/live"]["get"] = get("Whether the server computes", yes_or_no("Live", "It hangs"));
    paths["/v2/health/ready"]["get"] = get("Whether the server takes requests", yes_or_no("Ready", "It stops"));
    paths["/v2/repository/index"]["get"] =
        get("All models", answers(answer("Their names and versions", reference("Index"))));
    paths["/v2/repository/index"]["post"] = paths["/v2/repository/index"]["get"];  // as Triton's clients ask
    paths["/metrics"]["get"] =
        get("Counts and times for Prometheus", answers(text_answer("Text form 0.0.4", "text/plain")));
    paths["/openapi.json"]["get"] = get("This document", answers(answer("OpenAPI 3.0", {{"type", "object"}})));
    paths.update(paths_of_models());
    if (wants_token) require_token(paths);
    const Json document{
        {"openapi", "3.0.3"},
        {"info",
         {{"title", "keel serve"},
          {"version", KEEL_VERSION},
          {"description",
           "The Open Inference Protocol (KServe, version 2) over REST; what GET gets, HEAD asks for as well. Not a "
           "medical device."},
          {"license", {{"name", "Apache-2.0"}}}}},
        {"paths", std::move(paths)},
        {"components",
         {{"schemas", schemas()},
          {"responses", refusals()},
          {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
    return json_text(document);
}

}  // namespace keel::serve
