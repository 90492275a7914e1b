// A whole server on a thread of the test.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/json.h"
#include "serve/server.h"
#include "tests/serve/raw_client.h"
#include "tests/serve/served_files.h"
#include "tests/support/catch.h"

namespace keel::test {

class RunningServer {
public:
    explicit RunningServer(serve::ServeOptions options) : options_(std::move(options)) {
        options_.listen = "127.0.0.1:0";
        serve::ServerHooks hooks;
        hooks.stop = [this] { return stop_.load(); };
        hooks.reload = [this] { return reload_.exchange(false); };
        hooks.options = [this] {
            const std::lock_guard lock(mutex_);
            return options_;
        };
        hooks.say = hooks.warn = [this](const std::string& line) {
            const std::lock_guard lock(mutex_);
            said_ += line + "\n";
        };
        server_.emplace(options_, hooks);
        result_ = std::async(std::launch::async, [this] { return server_->run(); });
    }
    ~RunningServer() {
        stop_ = true;
        if (result_.valid()) result_.wait();
    }

    serve::Server& server() { return *server_; }
    std::string url() const { return server_->url(); }
    void ask_to_reload() { reload_ = true; }
    void change(const std::vector<serve::ModelSource>& models) {
        const std::lock_guard lock(mutex_);
        options_.models = models;
    }
    void ask_to_stop() { stop_ = true; }
    /// Waits for the end; returns what run() did.
    bool stopped() {
        ask_to_stop();
        return result_.get();
    }
    std::future<bool>& result() { return result_; }
    std::string said() {
        const std::lock_guard lock(mutex_);
        return said_;
    }

private:
    std::mutex mutex_;
    serve::ServeOptions options_;
    std::string said_;
    std::atomic<bool> stop_{false}, reload_{false};
    std::optional<serve::Server> server_;
    std::future<bool> result_;
};

inline constexpr auto kPatience = std::chrono::seconds(60);
inline const std::string kInfer = "/v2/models/small/infer";

/// A server of one small model; files are not watched.
inline serve::ServeOptions options_for(const ServedFiles& files) {
    serve::ServeOptions options;
    options.models = {files.source()};
    options.max_batch = 4;
    options.max_queue = 16;
    options.watch = false;
    return options;
}

/// Waits for what happens on another thread.
template <class Condition>
bool comes_true(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return condition();
}

inline std::string binary_request(const std::string& path, const std::string& json, const std::string& bytes,
                                  const std::string& fields = {}) {
    return post_request(path, json + bytes,
                        "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n" + fields);
}

/// A request of the file's bytes, with more of JSON behind the inputs.
inline std::string file_request(const std::string& file, const std::string& more = {},
                                const std::string& path = kInfer) {
    const std::string bytes = bytes_element(read_text(file));
    return binary_request(
        path,
        R"({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": )" +
            std::to_string(bytes.size()) + "}}]" + more + "}",
        bytes);
}

inline std::vector<float> floats_of(const Json& data) {
    std::vector<float> values;
    for (const Json& value : data) values.push_back(static_cast<float>(value.get<double>()));
    return values;
}

/// The probabilities of an answer of JSON.
inline std::vector<float> scores_of(const std::string& answer) {
    INFO(answer);
    REQUIRE(status_of(answer) == "200");
    return floats_of(parse_json(body_of(answer)).at("outputs").at(0).at("data"));
}

/// Holds the thread that computes until it is let go.
class HeldServer {
public:
    HeldServer(serve::Server& server, const std::string& image) {
        const auto model = server.models().find("small");
        serve::ScoreRequest request{.model = model, .images = {model->scorer().load(image)}};
        request.done = [this](const serve::Answer&) {
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

}  // namespace keel::test
