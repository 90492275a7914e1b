// The server as a whole, over sockets: the protocol, tokens, reloading, stopping, logs.
#include "serve/server.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
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

namespace {

namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(60);
const std::string kInfer = "/v2/models/small/infer";

ServeOptions options_for(const ServedFiles& files) {
    ServeOptions options;
    options.models = {files.source()};
    options.max_batch = 4;
    options.max_queue = 16;
    options.watch = false;
    return options;
}

template <class Condition>
bool comes_true(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return condition();
}

std::string binary_request(const std::string& path, const std::string& json, const std::string& bytes,
                           const std::string& fields = {}) {
    return post_request(path, json + bytes,
                        "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n" + fields);
}

/// A request of the file's bytes, with more of JSON behind the inputs.
std::string file_request(const std::string& file, const std::string& more = {}, const std::string& path = kInfer) {
    const std::string bytes = bytes_element(read_text(file));
    return binary_request(
        path,
        R"({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": )" +
            std::to_string(bytes.size()) + "}}]" + more + "}",
        bytes);
}

std::vector<float> floats_of(const Json& data) {
    std::vector<float> values;
    for (const Json& value : data) values.push_back(static_cast<float>(value.get<double>()));
    return values;
}

/// The probabilities of an answer of JSON.
std::vector<float> scores_of(const std::string& answer) {
    INFO(answer);
    REQUIRE(status_of(answer) == "200");
    return floats_of(parse_json(body_of(answer)).at("outputs").at(0).at("data"));
}

/// Holds the thread that computes until it is let go.
class HeldServer {
public:
    HeldServer(Server& server, const std::string& image) {
        const auto model = server.models().find("small");
        ScoreRequest request{.model = model, .images = {model->scorer().load(image)}};
        request.done = [this](const Answer&) {
            entered_.set_value();
            go_.get_future().wait();
        };
        REQUIRE_FALSE(server.batcher().submit(std::move(request)));
        REQUIRE(entered_.get_future().wait_for(kPatience) == std::future_status::ready);
    }
    ~HeldServer() { let_go(); }
    void let_go() {
        if (!std::exchange(gone_, true)) go_.set_value();
    }

private:
    std::promise<void> entered_, go_;
    bool gone_ = false;
};

}  // namespace

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
    CHECK_THAT(refused(binary_request(kInfer, "{}", "", "Inference-Header-Content-Length: 5\r\n")), contains("inputs"));
    CHECK_THAT(refused(post_request(kInfer, "{}", "Inference-Header-Content-Length: 3\r\n")),
               contains("0 to the body's 2 bytes"));
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

TEST_CASE("Models are replaced under load, and every request is answered by the old or the new one", "[server]") {
    const ServedFiles files(1);
    const std::string served = files.folder / "served.safetensors", other = files.folder / "other.safetensors";
    spoil_checkpoint(files.checkpoint, other, "fc.bias", 3.0F);
    const auto put = [&](const std::string& from) {
        fs::copy_file(from, served + ".new");
        fs::rename(served + ".new", served);
    };
    put(files.checkpoint);
    ServeOptions options = options_for(files);
    options.models[0].files = {served};
    RunningServer running(options);
    const std::vector<float> before = served_scores(files.checkpoint, files.images[0]),
                             after = served_scores(other, files.images[0]);
    REQUIRE(before != after);
    std::atomic<bool> done{false};
    std::atomic<int> lost{0}, old{0}, fresh{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < 3; ++c)
        clients.emplace_back([&] {
            RawClient client(running.url());
            while (!done) {
                client.send(file_request(files.images[0]));
                const std::string answer = client.answer();
                const Json json = try_parse_json(body_of(answer));
                if (status_of(answer) != "200" || json.is_discarded()) {
                    ++lost;
                    return;
                }
                const auto scores = floats_of(json.at("outputs").at(0).at("data"));
                scores == before ? ++old : scores == after ? ++fresh : ++lost;
            }
        });
    for (int i = 0; i < 10; ++i) {
        put(i % 2 == 0 ? other : files.checkpoint);
        const std::string wanted = "loaded small";
        running.ask_to_reload();
        CHECK(comes_true(
            [&] { return count_of(running.said(), wanted) == static_cast<std::size_t>(i) + 1 || lost > 0; }));
        const int served_before = i % 2 == 0 ? fresh : old;
        CHECK(comes_true([&] { return (i % 2 == 0 ? fresh : old) > served_before || lost > 0; }));
    }
    done = true;
    for (std::thread& client : clients) client.join();
    CHECK(lost == 0);
    CHECK(old > 0);
    CHECK(fresh > 0);
}

TEST_CASE("A file that is replaced is loaded without a signal", "[server]") {
    const ServedFiles files(1);
    const std::string served = files.folder / "served.safetensors", other = files.folder / "other.safetensors";
    spoil_checkpoint(files.checkpoint, other, "fc.bias", 3.0F);
    fs::copy_file(files.checkpoint, served);
    ServeOptions options = options_for(files);
    options.models[0].files = {served};
    options.watch = true;
    RunningServer running(options);
    write_text(served + ".new", "no model at all");
    fs::rename(served + ".new", served);
    CHECK(comes_true([&] { return holds(running.said(), "the one before stays"); }));
    CHECK(scores_of(asked(running.url(), file_request(files.images[0]))) ==
          served_scores(files.checkpoint, files.images[0]));
    fs::rename(other, served);
    const std::vector<float> wanted = served_scores(served, files.images[0]);
    CHECK(comes_true([&] { return scores_of(asked(running.url(), file_request(files.images[0]))) == wanted; }));
    CHECK(count_of(running.said(), "the one before stays") == 1);  // it was tried once
}

TEST_CASE("A full queue refuses, and deadlines are kept", "[server]") {
    const ServedFiles files(1);
    RunningServer running(options_for(files));
    const std::string& image = files.images[0];
    const auto model = running.server().models().find("small");
    HeldServer held(running.server(), image);
    std::future<std::string> overdue = std::async(std::launch::async, [&] {
        return asked(running.url(), file_request(image, R"(, "parameters": {"timeout": 1500000})"));
    });
    CHECK(comes_true([&] { return running.server().batcher().waiting() == 1; }));
    const auto inputs = model->scorer().load(image);
    CHECK_FALSE(running.server().batcher().submit({.model = model, .images = std::vector(15, inputs)}));
    const std::string answer = asked(running.url(), file_request(image));
    CHECK(status_of(answer) == "429");
    CHECK_THAT(answer, contains("Retry-After: "));
    std::this_thread::sleep_for(std::chrono::milliseconds(1600));  // what the timeout means
    held.let_go();
    CHECK(status_of(overdue.get()) == "504");
    CHECK(comes_true([&] { return status_of(asked(running.url(), file_request(image))) == "200"; }));
    const std::string metrics = body_of(asked(running.url(), get_request("/metrics")));
    CHECK_THAT(metrics, contains("keel_rejected_total{model=\"small\",reason=\"queue\"} 1\n"));
    CHECK_THAT(metrics, contains("keel_failures_total{model=\"small\",reason=\"overdue\"} 1\n"));
    CHECK_THAT(metrics, contains("keel_requests_total{model=\"small\",version=\"1\",code=\"429\"} 1\n"));
    CHECK_THAT(metrics, contains("keel_batch_images_bucket{model=\"small\",version=\"1\",le=\"4\"}"));
    CHECK_THAT(metrics, contains("keel_model_info{model=\"small\",version=\"1\",precision=\"f32\"} 1\n"));
}

TEST_CASE("Who hangs up is not computed", "[server]") {
    const ServedFiles files(1);
    RunningServer running(options_for(files));
    HeldServer held(running.server(), files.images[0]);
    {
        RawClient client(running.url());
        client.send(file_request(files.images[0]));
        CHECK(comes_true([&] { return running.server().batcher().waiting() == 1; }));
    }
    CHECK(comes_true([&] { return running.server().batcher().waiting() == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the close travels over the loopback
    held.let_go();
    CHECK(comes_true([&] {
        return holds(body_of(asked(running.url(), get_request("/metrics"))),
                     "keel_failures_total{model=\"small\",reason=\"cancelled\"} 1\n");
    }));
}

TEST_CASE("A server that is to stop answers what it has and takes no more", "[server]") {
    const ServedFiles files(1);
    RunningServer running(options_for(files));
    HeldServer held(running.server(), files.images[0]);
    RawClient watcher(running.url()), client(running.url());
    watcher.send(get_request("/v2/health/ready"));
    CHECK(status_of(watcher.answer()) == "200");
    client.send(file_request(files.images[0]));
    CHECK(comes_true([&] { return running.server().batcher().waiting() == 1; }));
    running.ask_to_stop();
    CHECK(comes_true([&] { return !RawClient(running.url()).is_open(); }));
    CHECK(running.result().wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
    held.let_go();
    CHECK(scores_of(client.answer()) == served_scores(files.checkpoint, files.images[0]));
    CHECK(running.stopped());
}

TEST_CASE("The access log has a line of JSON for each answer, and nothing that came from a client", "[server]") {
    const ServedFiles files(1);
    ServeOptions options = options_for(files);
    options.access_log = files.folder / "access.log";
    {
        RunningServer running(options);
        const std::string secret = "s3cr3t";
        asked(running.url(),
              get_request("/v2/models/" + secret + "?patient=" + secret, "Authorization: Bearer " + secret + "\r\n"));
        asked(running.url(), file_request(files.images[0], R"(, "id": "s3cr3t")"));
        asked(running.url(), "s3cr3t / HTTP/1.1\r\n\r\n");
        CHECK(comes_true([&] { return count_of(read_text(options.access_log), "\n") == 3; }));
        fs::rename(options.access_log, options.access_log + ".1");
        running.ask_to_reload();
        CHECK(comes_true([&] { return fs::exists(options.access_log); }));
        asked(running.url(), get_request("/v2"));
        CHECK(comes_true([&] { return count_of(read_text(options.access_log), "\n") == 1; }));
    }
    const std::string log = read_text(options.access_log + ".1");
    CHECK(log.find("s3cr3t") == std::string::npos);
    CHECK(log.find("127.0.0.1") == std::string::npos);
    std::istringstream lines(log);
    std::vector<Json> records;
    for (std::string line; std::getline(lines, line);) records.push_back(parse_json(line));
    REQUIRE(records.size() == 3);
    CHECK(records[0].at("status") == 404);
    CHECK(records[1].at("route") == "infer");
    CHECK(records[1].at("model") == "small");
    CHECK(records[1].at("batch") == 1);
    CHECK(records[1].at("compute_ms").get<double>() > 0);
    CHECK(records[2].at("status") == 400);
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
