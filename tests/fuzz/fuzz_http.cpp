// What travels over a connection to the HTTP server: bytes are sent, the client ends its side, the server has to end
// the connection and to go on answering others.
#include "serve/http/http_server.h"
#include "tests/fuzz/target.h"
#include "tests/serve/raw_client.h"

using namespace keel;

namespace {

class EchoBodies final : public serve::HttpHandler {
public:
    std::optional<serve::HttpResponse> admit(const serve::HttpRequest& head) override {
        if (head.path == "/refuse") return serve::error_response(401, "no");
        return std::nullopt;
    }
    void handle(serve::HttpRequest request, serve::HttpRespond respond) override {
        fuzz::require(request.body != nullptr && request.body->size() <= 65536, "a body beyond its limit");
        respond({.type = "text/plain", .body = *request.body});
    }
    void answered(const serve::HttpRecord&) override {}
};

serve::HttpOptions small_server() {
    serve::HttpOptions options{.listen = "127.0.0.1:0"};
    options.limits.body_bytes = 65536;
    return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static EchoBodies echo;
    static serve::HttpServer server(small_server(), echo);
    test::RawClient client(server.url());
    fuzz::require(client.is_open(), "the server takes no connection");
    client.send(std::string(reinterpret_cast<const char*>(data), size));
    client.end_sending();
    fuzz::require(client.ends(), "the server keeps a connection whose client has ended");
    const std::string answer = test::asked(server.url(), test::get_request("/"));
    fuzz::require(test::status_of(answer) == "200", ("others are not answered, but: '" + answer + "'").c_str());
    return 0;
}
