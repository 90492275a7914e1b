// The server's OpenAPI document (https://spec.openapis.org/oas/v3.0.3).
#include <string>

#include "engine/json.h"
#include "kernels/version.h"
#include "serve/api.h"

namespace keel::serve {
namespace {

Json reference(const char* schema) { return {{"$ref", std::string("#/components/schemas/") + schema}}; }

Json content(const Json& schema) { return {{"application/json", {{"schema", schema}}}}; }

Json answer(const char* description, const Json& schema) {
    return {{"description", description}, {"content", content(schema)}};
}

/// Answers of a route: 200 and the errors that it may have.
Json answers(Json ok, std::initializer_list<std::pair<const char*, const char*>> errors) {
    Json all{{"200", std::move(ok)}};
    for (const auto& [code, description] : errors) all[code] = answer(description, reference("Error"));
    return all;
}

Json parameter(const char* name, const char* description) {
    return {{"name", name},
            {"in", "path"},
            {"required", true},
            {"description", description},
            {"schema", {{"type", "string"}, {"pattern", "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$"}}}};
}

Json get(const char* summary, Json answers_of, bool open) {
    Json operation{{"summary", summary}, {"responses", std::move(answers_of)}};
    operation["security"] =
        open ? Json::array({Json::object()}) : Json::array({Json::object(), {{"bearer", Json::array()}}});
    return operation;
}

Json text_answer(const char* description, const char* type) {
    return {{"description", description}, {"content", {{type, {{"schema", {{"type", "string"}}}}}}}};
}

constexpr const char* kSchemas = R"json({
"Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
"Live": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
"Ready": {"type": "object", "required": ["ready"], "properties": {"name": {"type": "string"},
  "ready": {"type": "boolean"}}},
"Server": {"type": "object", "required": ["name", "version", "extensions"], "properties": {"name": {"type": "string"},
  "version": {"type": "string"}, "extensions": {"type": "array", "items": {"type": "string"}}}},
"Index": {"type": "array", "items": {"type": "object", "required": ["name", "version", "state"], "properties": {
  "name": {"type": "string"}, "version": {"type": "string"}, "state": {"type": "string"},
  "reason": {"type": "string"}}}},
"Tensor": {"type": "object", "required": ["name", "datatype", "shape"], "properties": {"name": {"type": "string"},
  "datatype": {"type": "string"}, "shape": {"type": "array", "items": {"type": "integer"}},
  "parameters": {"type": "object"}}},
"Model": {"type": "object", "required": ["name", "platform", "inputs", "outputs"],
  "properties": {"name": {"type": "string"},
  "versions": {"type": "array", "items": {"type": "string"}}, "platform": {"type": "string"},
  "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
  "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}}, "parameters": {"type": "object"}}},
"Parameters": {"type": "object", "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"},
  {"type": "boolean"}]}},
"InferInput": {"type": "object", "required": ["name", "shape", "datatype"], "additionalProperties": false,
  "properties": {
  "name": {"type": "string", "enum": ["image", "pixels", "input"]},
  "shape": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
  "datatype": {"type": "string", "enum": ["BYTES", "UINT8", "FP32"]},
  "parameters": {"$ref": "#/components/schemas/Parameters"}, "data": {"type": "array", "items": {}}}},
"InferOutput": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
  "name": {"type": "string", "enum": ["probabilities", "calls", "heatmap", "overlay"]},
  "parameters": {"$ref": "#/components/schemas/Parameters"}}},
"InferRequest": {"type": "object", "required": ["inputs"], "additionalProperties": false,
  "properties": {"id": {"type": "string"},
  "parameters": {"$ref": "#/components/schemas/Parameters"},
  "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/components/schemas/InferInput"}},
  "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/InferOutput"}}}},
"InferResponse": {"type": "object", "required": ["model_name", "outputs"],
  "properties": {"model_name": {"type": "string"},
  "model_version": {"type": "string"}, "id": {"type": "string"}, "outputs": {"type": "array",
  "items": {"type": "object",
  "required": ["name", "datatype", "shape"], "properties": {"name": {"type": "string"},
  "datatype": {"type": "string"},
  "shape": {"type": "array", "items": {"type": "integer"}}, "parameters": {"type": "object"},
  "data": {"type": "array", "items": {}}}}}}}
})json";

Json infer_operation() {
    Json operation{
        {"summary", "Score images"},
        {"description",
         "JSON alone, or JSON and bytes behind it: then Inference-Header-Content-Length says how many bytes are "
         "JSON, and binary_data_size of each input how many are its own."}};
    operation["security"] = Json::array({Json::object(), {{"bearer", Json::array()}}});
    operation["requestBody"] = {
        {"required", true},
        {"content",
         {{"application/json", {{"schema", reference("InferRequest")}}},
          {"application/octet-stream", {{"schema", {{"type", "string"}, {"format", "binary"}}}}}}}};
    Json ok = answer("The outputs", reference("InferResponse"));
    ok["content"]["application/octet-stream"] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
    operation["responses"] = answers(std::move(ok), {{"400", "The request does not say what the model wants"},
                                                     {"401", "The token is missing or wrong"},
                                                     {"404", "There is no such model"},
                                                     {"413", "The body is too long"},
                                                     {"415", "The body is encoded"},
                                                     {"422", "An image has no answer"},
                                                     {"429", "The queue is full; Retry-After says when to come again"},
                                                     {"500", "The server failed"},
                                                     {"503", "The server stops, or holds all that it may"},
                                                     {"504", "The deadline passed"}});
    return operation;
}

}  // namespace

std::string openapi_json() {
    const std::pair<const char*, const char*> token{"401", "The token is missing or wrong"},
        model{"404", "There is no such model"}, stops{"503", "The server stops, or hangs"};
    Json paths;
    paths["/"]["get"] = get("A page to try models", answers(text_answer("HTML", "text/html"), {}), true);
    paths["/v2"]["get"] = get("The server", answers(answer("Its name", reference("Server")), {}), true);
    paths["/v2/health/live"]["get"] =
        get("Whether the server computes", answers(answer("It does", reference("Live")), {stops}), true);
    paths["/v2/health/ready"]["get"] =
        get("Whether the server takes requests", answers(answer("It does", reference("Ready")), {stops}), true);
    paths["/v2/repository/index"]["get"] =
        get("All models", answers(answer("Their names and versions", reference("Index")), {token}), false);
    paths["/v2/repository/index"]["post"] = paths["/v2/repository/index"]["get"];  // as Triton's clients ask
    paths["/metrics"]["get"] =
        get("Counts and times for Prometheus", answers(text_answer("Text form 0.0.4", "text/plain"), {token}), false);
    paths["/openapi.json"]["get"] =
        get("This document", answers(answer("OpenAPI 3.0", {{"type", "object"}}), {}), true);
    for (const std::string version : {"", "/versions/{version}"}) {
        Json names = Json::array({parameter("model", "Name of a model")});
        if (!version.empty()) names.push_back(parameter("version", "Version of the model"));
        const auto add = [&](const char* end, const char* method, Json operation) {
            Json& path = paths["/v2/models/{model}" + version + end];
            path["parameters"] = names;
            path[method] = std::move(operation);
        };
        add("", "get",
            get("A model", answers(answer("Inputs, outputs, labels", reference("Model")), {token, model}), false));
        add("/ready", "get",
            get("Whether a model takes requests", answers(answer("It does", reference("Ready")), {token, model, stops}),
                false));
        add("/infer", "post", infer_operation());
    }
    const Json document{
        {"openapi", "3.0.3"},
        {"info",
         {{"title", "keel serve"},
          {"version", KEEL_VERSION},
          {"description", "The Open Inference Protocol (KServe, version 2) over REST. Not a medical device."},
          {"license", {{"name", "Apache-2.0"}}}}},
        {"paths", std::move(paths)},
        {"components",
         {{"schemas", parse_json(kSchemas)},
          {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
    return json_text(document);
}

}  // namespace keel::serve
