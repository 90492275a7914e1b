// An HTTP/1.1 server: the wall around the library that speaks it. Requests come in, answers go out, whoever is slow,
// broken or malicious; what they mean is the handler's.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http/http_message.h"

namespace keel::serve {

/// What a client may take of the server. Times in seconds.
struct HttpLimits {
    std::int64_t connections = 1024;                  ///< at once; one more gets 503
    std::int64_t header_bytes = 16 << 10;             ///< of a request's line and fields; more get 431
    std::int64_t body_bytes = 64 << 20;               ///< of one body; more get 413
    std::int64_t all_bodies = std::int64_t{1} << 30;  ///< bytes of the bodies that are held at once; more get 503
    double idle = 60;                                 ///< between two requests of a connection
    double header = 10;                               ///< for a request's line and fields, and TLS' handshake
    double body = 10;              ///< for a body, and a second more for every `least_rate` bytes of it
    double answer = 10;            ///< for taking an answer, and a second more for every `least_rate` bytes of it
    double least_rate = 64 << 10;  ///< bytes a second
};

struct HttpOptions {
    std::string listen = "127.0.0.1:8080";  ///< HOST:PORT, [IPV6]:PORT; port 0: any that is free
    int threads = 1;                        ///< that read and write
    std::string certificate{}, key{};       ///< files in PEM; empty: no TLS
    HttpLimits limits{};
};

/// How one request went, for logs and metrics.
struct HttpRecord {
    int status = 0;
    std::int64_t bytes_in = 0, bytes_out = 0;  ///< of the bodies
    double seconds = 0;                        ///< from the request's fields until the answer was written
    bool complete = false;                     ///< the client took all of the answer
    std::string note{};                        ///< HttpResponse::note
};

class HttpHandler {
public:
    virtual ~HttpHandler() = default;
    /// Sees a request's line and fields before its body is read, on a thread that serves others as well. Returns an
    /// answer where it is to be refused.
    virtual std::optional<HttpResponse> admit(const HttpRequest& head) = 0;
    /// Takes a request. `respond` is to be called once, from any thread, now or later.
    virtual void handle(HttpRequest request, HttpRespond respond) = 0;
    /// Hears of every answer, those to what was no request included.
    virtual void answered(const HttpRecord& record) = 0;
};

class HttpServer {
public:
    /// Listens from now on. `handler` outlives it. Throws UsageError for an address that is none, IoError where the
    /// system refuses it, InputError or IoError for a certificate or key that cannot be read.
    HttpServer(HttpOptions options, HttpHandler& handler);
    /// Closes what is open.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// "http://127.0.0.1:8080", with the port that was taken.
    const std::string& url() const;
    std::int64_t connections() const;  ///< that are open

    /// Takes no more connections, closes those without a request, and waits until all requests that came are answered;
    /// false where some are not after `limit`.
    bool drain(std::chrono::duration<double> limit);
    /// Ends at once: the handler is asked nothing any more, and answers that come lead nowhere.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace keel::serve
