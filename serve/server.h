// keel serve as a whole: models, batches, HTTP, reloading, and a stop that loses no request.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "serve/access_log.h"
#include "serve/batcher.h"
#include "serve/metrics.h"
#include "serve/model_table.h"
#include "serve/serve_options.h"

namespace keel::serve {

class Api;
class HttpServer;
class WorkerPool;

/// What the program that runs a server wishes and hears. `stop` and `reload` are asked several times a second, on the
/// thread of Server::run(); the others may be null.
struct ServerHooks {
    std::function<bool()> stop{};
    std::function<bool()> reload{};  ///< true once for each wish
    /// Returns the options as they are now, for a reload: a file may say others. Models and the token are taken.
    std::function<ServeOptions()> options{};
    /// Called when the server stops, before it waits for what is under way.
    std::function<void()> on_stop{};
    std::function<void(const std::string&line)> say{}, warn{};
};

class Server {
public:
    /// Reads the models and listens; "none" to listen on: no HTTP. Throws what is wrong with options, models or the
    /// address.
    Server(ServeOptions options, ServerHooks hooks);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    const ModelTable& models() const { return *models_; }
    Batcher& batcher() { return *batcher_; }
    Metrics& metrics() { return metrics_; }
    /// "http://127.0.0.1:8080"; empty without HTTP.
    std::string url() const;

    /// Serves until hooks.stop says so, answers what came, and returns; false where some of it had no answer after
    /// drain_seconds.
    bool run();

private:
    void reload(bool asked);
    void look_for_files();
    void apply_token();
    void say(const std::string& line) const;
    void warn(const std::string& line) const;

    ServeOptions options_;
    ServerHooks hooks_;
    Metrics metrics_;
    AccessLog log_;
    std::unique_ptr<ModelTable> models_;
    std::unique_ptr<Api> api_;
    std::unique_ptr<HttpServer> http_;
    std::unique_ptr<WorkerPool> workers_;
    std::unique_ptr<Batcher> batcher_;
    std::vector<FileStamp> seen_, tried_;  ///< of the models' files: when they were last looked at, last loaded
};

/// Reads a bearer token: the first line of a file, 16 to 4096 characters of ASCII without spaces. Throws InputError or
/// IoError that names the file.
std::string read_token(const std::string& file);

}  // namespace keel::serve
