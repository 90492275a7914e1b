// Stands in where Boost's headers were not found.
#include "kernels/error.h"
#include "serve/http/http_server.h"

namespace keel::serve {

class HttpServer::Impl {};

HttpServer::HttpServer(HttpOptions, HttpHandler&) {
    throw UsageError(
        "[serve] this keel was built without Boost.Beast and serves no HTTP: wanted libboost-dev when it was built");
}

HttpServer::~HttpServer() = default;

const std::string& HttpServer::url() const {
    static const std::string none;
    return none;
}

std::int64_t HttpServer::connections() const { return 0; }

bool HttpServer::drain(std::chrono::duration<double>) { return true; }

void HttpServer::stop() {}

}  // namespace keel::serve
