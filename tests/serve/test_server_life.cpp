// A server's life: models that are replaced, a queue that is full, clients that go, the end, and what its log tells.
#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "tests/serve/running_server.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::serve;
using namespace keel::test;

namespace {

namespace fs = std::filesystem;

}  // namespace

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
    std::string answer;
    {
        RunningServer running(options);
        const std::string secret = "s3cr3t";
        asked(running.url(),
              get_request("/v2/models/" + secret + "?patient=" + secret, "Authorization: Bearer " + secret + "\r\n"));
        answer = asked(running.url(), file_request(files.images[0], R"(, "id": "s3cr3t")"));
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
    CHECK_THAT(
        answer,  // which says the same to who asked
        contains(fmt::format("Server-Timing: queue;dur={:.3f}, compute;dur={:.3f}\r\n",
                             records[1].at("queue_ms").get<double>(), records[1].at("compute_ms").get<double>())));
    CHECK(records[2].at("status") == 400);
}
