// A whole server on a thread of the test.
#pragma once

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/server.h"
#include "tests/serve/raw_client.h"
#include "tests/serve/served_files.h"

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

}  // namespace keel::test
