// What the server answers over HTTP: the Open Inference Protocol (KServe, version 2), metrics, a page.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "serve/access_log.h"
#include "serve/batcher.h"
#include "serve/http/http_server.h"
#include "serve/infer_answer.h"
#include "serve/metrics.h"
#include "serve/model_table.h"
#include "serve/routes.h"
#include "serve/worker_pool.h"

namespace keel::serve {

struct ApiOptions {
    RequestLimits limits{};
    Clock::duration deadline{};  ///< of requests that say no timeout; zero: none
    std::string token{};         ///< empty: none is wanted
};

/// What an Api works with; all of it outlives it.
struct ApiParts {
    const ModelTable& models;
    Batcher& batcher;
    WorkerPool& workers;
    Metrics& metrics;
    AccessLog& log;
};

class Api final : public HttpHandler {
public:
    Api(const ApiParts& parts, ApiOptions options);

    std::optional<HttpResponse> admit(const HttpRequest& head) override;
    void handle(HttpRequest request, HttpRespond respond) override;
    void answered(const HttpRecord& record) override;

    void set_token(std::string token);
    /// From now on the server is not ready: it is about to stop.
    void stop() { stopping_ = true; }
    /// How many connections there are, for metrics.
    void count_connections(std::function<std::int64_t()> count) { connections_ = std::move(count); }

private:
    struct Call;

    bool wants_token() const;
    bool has_token(const HttpRequest& request) const;
    bool is_alive() const;
    HttpResponse answer(const Route& route);
    HttpResponse metrics_response();
    void infer(const Route& route, HttpRequest request, HttpRespond respond);
    void prepare(const std::shared_ptr<Call>& call);
    void finish(const std::shared_ptr<Call>& call, const Answer& answer);
    void reply(Call& call, HttpResponse response, const Answer* answer = nullptr);
    void refuse(Call& call, Fate fate, const std::string& why);

    const ApiParts parts_;
    const ApiOptions options_;
    std::function<std::int64_t()> connections_;
    std::atomic<bool> stopping_{false};
    const double started_;      ///< seconds since 1970
    mutable std::mutex mutex_;  // guards:
    std::string token_;
};

/// The documents that are part of the program.
const std::string& page_html();
/// Of a server that wants a token, or not.
std::string openapi_json(bool wants_token);

/// Whether two texts are equal, in a time that only depends on their lengths.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace keel::serve
