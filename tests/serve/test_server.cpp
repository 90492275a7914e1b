// The server as a whole, over sockets: the protocol, tokens, the guide's lines.
#include "serve/server.h"

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "engine/base64.h"
#include "engine/json.h"
#include "kernels/error.h"
#include "serve/api.h"
#include "tests/serve/running_server.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using namespace keel::test;

TEST_CASE("The protocol's questions have its answers", "[server]") {
    const ServedFiles files(0);
    ServeOptions options = options_for(files);
    options.models[0].version = "3";
    RunningServer running(options);
    const auto get = [&](const std::string& path) { return asked(running.url(), get_request(path)); };
    CHECK(parse_json(body_of(get("/v2"))).at("name") == "keel");
    CHECK(parse_json(body_of(get("/v2/health/live"))).at("live") == true);
    CHECK(parse_json(body_of(get("/v2/health/ready"))).at("ready") == true);
    const Json model = parse_json(body_of(get("/v2/models/small")));
    CHECK(model.at("versions") == Json::array({"3"}));
    CHECK(model.at("inputs").at(2).at("shape") == Json::array({-1, 32, 32, 3}));
    CHECK(model.at("parameters").at("labels") == Json::array({"a", "b", "c"}));
    CHECK(body_of(get("/v2/models/small")) == body_of(get("/v2/models/small/versions/3")));
    CHECK(parse_json(body_of(get("/v2/models/small/versions/3/ready"))).at("ready") == true);
    CHECK(parse_json(body_of(asked(running.url(), post_request("/v2/repository/index", "{}")))).at(0).at("state") ==
          "READY");
    for (const char* path :
         {"/v2/models/none", "/v2/models/small/versions/4", "/v2/models/../../etc/passwd", "/favicon.ico"})
        CHECK(status_of(get(path)) == "404");
    CHECK(status_of(get(kInfer)) == "405");
    CHECK_THAT(get(kInfer), contains("Allow: POST"));
    CHECK(status_of(asked(running.url(), post_request("/v2/models/none/infer", "{}"))) == "404");
    CHECK(status_of(asked(running.url(), post_request(kInfer, "{}", "Content-Encoding: gzip\r\n"))) == "415");
    const std::string page = get("/");
    CHECK_THAT(page, contains("<!doctype html>") && contains("default-src 'none'") && contains("not a medical device"));
    CHECK(body_of(page).find("http://") == std::string::npos);
    CHECK(body_of(page).find("https://") == std::string::npos);
    const Json document = parse_json(body_of(get("/openapi.json")));
    CHECK(document.at("openapi") == "3.0.3");
    for (const auto& [path, item] : document.at("paths").items()) {
        std::string real = path;
        for (const auto& [name, value] : {std::pair{"{model}", "small"}, std::pair{"{version}", "3"}})
            if (const std::size_t at = real.find(name); at != std::string::npos)
                real.replace(at, std::strlen(name), value);
        CHECK(status_of(get(real)) == (item.contains("get") ? "200" : "405"));
    }
}

TEST_CASE("Every form of a request gets the model's scores", "[server]") {
    const ServedFiles files(2);
    RunningServer running(options_for(files));
    const std::string& image = files.images[1];
    const std::vector<float> wanted = served_scores(files.checkpoint, image);
    CHECK(scores_of(asked(running.url(), file_request(image))) == wanted);
    CHECK(scores_of(asked(running.url(), file_request(image, "", "/v2/models/small/versions/1/infer"))) == wanted);
    const std::string json =
        R"({"id": "7", "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [")" +
        to_base64(read_text(image)) + R"("]}]})";
    const std::string answer = asked(running.url(), post_request(kInfer, json));
    CHECK(scores_of(answer) == wanted);
    CHECK(parse_json(body_of(answer)).at("id") == "7");
    CHECK(parse_json(body_of(answer)).at("model_version") == "1");

    const auto model = running.server().models().find("small");
    const Tensor input = model->scorer().load(image).front();
    const std::string tensor(reinterpret_cast<const char*>(input.data<float>()),
                             static_cast<std::size_t>(input.elements()) * 4);
    const std::string raw =
        R"({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 32, 32, 3],
        "parameters": {"binary_data_size": 12288}}], "parameters": {"binary_data_output": true}})";
    const std::string binary = asked(running.url(), binary_request(kInfer, raw, tensor));
    REQUIRE(status_of(binary) == "200");
    const std::size_t at = binary.find("Inference-Header-Content-Length: ");
    REQUIRE(at != std::string::npos);
    const std::string body = body_of(binary), behind = body.substr(std::stoul(binary.substr(at + 33)));
    REQUIRE(behind.size() == wanted.size() * 4);
    CHECK(std::memcmp(behind.data(), wanted.data(), behind.size()) == 0);
    CHECK_THAT(body, contains("\"binary_data_size\":12"));
}

TEST_CASE("Outputs are those that are asked for", "[server]") {
    const ServedFiles files(1);
    RunningServer running(options_for(files));
    const std::string& image = files.images[0];
    const std::vector<float> wanted = served_scores(files.checkpoint, image);
    const Json all = parse_json(body_of(asked(running.url(), file_request(image, R"(, "outputs": [
        {"name": "probabilities", "parameters": {"classification": 2}},
        {"name": "heatmap", "parameters": {"label": "b"}}, {"name": "overlay"}])"))));
    const Json& outputs = all.at("outputs");
    CHECK(outputs.at(0).at("shape") == Json::array({1, 2}));
    const std::string best = outputs.at(0).at("data").at(0);
    const auto highest = std::ranges::max_element(wanted) - wanted.begin();
    CHECK(best.ends_with(":" + std::to_string(highest) + ":" + std::string(1, static_cast<char>('a' + highest))));
    const auto model = running.server().models().find("small");
    const HeatGrid heat = model->heat(model->scorer().load(image).front(), 1);
    CHECK(floats_of(outputs.at(1).at("data")) == heat.values);
    CHECK(outputs.at(1).at("shape") == Json::array({1, heat.height, heat.width}));
    const std::string png = from_base64(outputs.at(2).at("data").at(0).get<std::string>());
    const Image drawn =
        decode_image(std::span(reinterpret_cast<const std::uint8_t*>(png.data()), png.size()), 0, "overlay");
    CHECK(drawn.channels == 3);
    CHECK(drawn.height == 90);
}

TEST_CASE("Requests that make no sense are refused one by one", "[server]") {
    const ServedFiles files(1);
    RunningServer running(options_for(files));
    RawClient client(running.url());
    const auto refused = [&](const std::string& request) {
        client.send(request);
        const std::string answer = client.answer();
        CHECK(status_of(answer) == "400");
        return parse_json(body_of(answer)).at("error").get<std::string>();
    };
    CHECK_THAT(refused(post_request(kInfer, "")), contains("JSON"));
    CHECK_THAT(refused(post_request(kInfer, "{}")), contains("inputs"));
    CHECK_THAT(refused(post_request(kInfer, "\x80\x81")), contains("JSON"));
    CHECK_THAT(refused(binary_request(kInfer, "{}", "", "Inference-Header-Content-Length: 2\r\n")),
               contains("one field Inference-Header-Content-Length"));
    CHECK_THAT(refused(post_request(kInfer, "{}", "Inference-Header-Content-Length: 3\r\n")),
               contains("0 to the body's 2 bytes"));
    CHECK_THAT(refused(post_request(kInfer, "{}", "Inference-Header-Content-Length:\r\n")),
               contains("0 to the body's 2 bytes, got ''"));
    CHECK_THAT(refused(file_request(files.images[0], R"(, "outputs": [{"name": "scores"}])")),
               contains("no output 'scores': wanted probabilities"));
    CHECK_THAT(refused(file_request(files.images[0], R"(, "parameters": {"priority": 1})")),
               contains("unknown parameter 'priority'"));
    CHECK_THAT(refused(file_request(files.images[0], R"(, "parameters": {"timeout": "soon"})")), contains("timeout"));
    CHECK_THAT(
        refused(file_request(files.images[0], R"(, "outputs": [{"name": "heatmap", "parameters": {"label": "z"}}])")),
        contains("no label 'z'"));
    CHECK_THAT(refused(file_request(files.checkpoint)), contains("image 1"));
    client.send(file_request(files.images[0]));
    CHECK(status_of(client.answer()) == "200");  // the same connection
    std::vector<float> huge(32 * 32 * 3, 3e38F);
    const std::string tensor(reinterpret_cast<const char*>(huge.data()), huge.size() * 4);
    client.send(binary_request(kInfer,
                               R"({"inputs": [{"name": "input", "datatype": "FP32",
                           "shape": [1, 32, 32, 3], "parameters": {"binary_data_size": 12288}}]})",
                               tensor));
    const std::string answer = client.answer();
    CHECK(status_of(answer) == "422");
    CHECK_THAT(answer, contains("no answer"));
}

TEST_CASE("A token is asked for, and told from others", "[server]") {
    const ServedFiles files(1);
    ServeOptions options = options_for(files);
    options.token_file = files.folder / "token";
    write_text(options.token_file, "0123456789abcdef\nmore\n");
    RunningServer running(options);
    const auto status = [&](const std::string& path, const std::string& fields) {
        return status_of(asked(running.url(), get_request(path, fields)));
    };
    CHECK(status("/v2/models/small", "Authorization: Bearer 0123456789abcdef\r\n") == "200");
    CHECK(status("/v2/models/small", "authorization: bearer 0123456789abcdef\r\n") == "200");
    for (const char* fields :
         {"", "Authorization: Bearer \r\n", "Authorization: Bearer 0123456789abcdeF\r\n",
          "Authorization: Bearer 0123456789abcde\r\n", "Authorization: Bearer 0123456789abcdef0\r\n",
          "Authorization: Basic 0123456789abcdef\r\n", "Authorization: 0123456789abcdef\r\n"})
        for (const char* path : {"/v2/models/small", "/v2/repository/index", "/metrics", "/v2/models/none"})
            CHECK(status(path, fields) == "401");
    CHECK(status_of(asked(running.url(), file_request(files.images[0]))) == "401");
    for (const char* path : {"/", "/v2/health/live", "/v2/health/ready", "/openapi.json"})
        CHECK(status(path, "") == "200");
    write_text(options.token_file, "fedcba9876543210\n");
    running.ask_to_reload();
    CHECK(comes_true([&] { return status("/metrics", "Authorization: Bearer fedcba9876543210\r\n") == "200"; }));
    CHECK(status("/metrics", "Authorization: Bearer 0123456789abcdef\r\n") == "401");
    for (const char* text : {"", "short", "0123456789abcde\n", "a token with spaces in it\n"}) {
        write_text(options.token_file, text);
        CHECK_THROWS_AS(read_token(options.token_file), InputError);
    }
    CHECK_THROWS_AS(read_token(files.folder / "missing"), IoError);
}

TEST_CASE("Texts are compared in constant time, and rightly", "[server]") {
    CHECK(equal_in_constant_time("", ""));
    CHECK(equal_in_constant_time("abc", "abc"));
    for (const char* other : {"", "ab", "abd", "abcabc", "xbc"}) {
        CHECK_FALSE(equal_in_constant_time("abc", other));
        CHECK_FALSE(equal_in_constant_time(other, "abc"));
    }
}

TEST_CASE("The guide's lines of curl do what it says", "[server]") {
    if (std::system("curl --version >/dev/null 2>&1") != 0) {
        WARN("skipped: curl is missing");
        return;
    }
    const ServedFiles files(1);
    ServeOptions options = options_for(files);
    options.models = {files.source("chexnet")};
    options.token_file = files.folder / "token";
    write_text(options.token_file, "0123456789abcdef\n");
    write_text(files.folder / "xray.png", read_text(files.images[0]));
    RunningServer open([&] {
        ServeOptions without = options;
        without.token_file.clear();
        return without;
    }());
    std::istringstream guide(read_text(std::string(KEEL_SOURCE_DIR) + "/docs/serving.md"));
    int lines = 0;
    for (std::string line; std::getline(guide, line);) {
        if (!line.starts_with("curl ") && !line.starts_with("printf ") && !line.starts_with("(cat ")) continue;
        for (std::size_t at; (at = line.find("http://127.0.0.1:8080")) != std::string::npos;)
            line.replace(at, 21, open.url());
        INFO(line);
        write_text(files.folder / "line.sh", "cd " + files.folder.path() + " && " + line + "\n");
        CHECK(std::system(("bash " + (files.folder / "line.sh") +
                           (line.starts_with("curl") ? " > " + (files.folder / "out") : ""))
                              .c_str()) == 0);
        if (line.find("body.bin") != std::string::npos && line.starts_with("curl"))
            CHECK(floats_of(parse_json(read_text(files.folder / "out")).at("outputs").at(0).at("data")) ==
                  served_scores(files.checkpoint, files.images[0]));
        ++lines;
    }
    CHECK(lines >= 14);
}

TEST_CASE("Servers that cannot be are refused", "[server]") {
    const ServedFiles files(0);
    const auto start = [&](auto change) {
        ServeOptions options = options_for(files);
        options.listen = "127.0.0.1:0";
        change(options);
        const Server server(options, {.stop = [] { return true; }});
    };
    CHECK_NOTHROW(start([](ServeOptions&) {}));
    CHECK_NOTHROW(start([](ServeOptions& o) { o.listen = "none"; }));
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.models.clear(); }), UsageError);
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.models[0].files = {"/nowhere/model.safetensors"}; }), IoError);
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.models[0].calibrated = true; }), UsageError);
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.models[0].precision = "f64"; }), UsageError);
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.listen = "nowhere"; }), UsageError);
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.token_file = "/nowhere/token"; }), IoError);
    CHECK_THROWS_AS(start([](ServeOptions& o) { o.access_log = "/nowhere/log"; }), IoError);
}
