// TLS under the server, as curl speaks it.
#include <cstdlib>
#include <optional>

#include "kernels/error.h"
#include "serve/http/http_server.h"
#include "tests/serve/raw_client.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::serve;
using namespace keel::test;

namespace {

/// Answers with the body that came, or with "hello".
class Greeting final : public HttpHandler {
public:
    std::optional<HttpResponse> admit(const HttpRequest&) override { return std::nullopt; }
    void handle(HttpRequest request, HttpRespond respond) override {
        respond({.type = "text/plain", .body = request.body->empty() ? "hello" : *request.body});
    }
    void answered(const HttpRecord&) override {}
};

bool runs(const std::string& command) { return std::system((">/dev/null 2>&1 " + command).c_str()) == 0; }

}  // namespace

TEST_CASE("TLS, where it is built in", "[http_server]") {
    const TemporaryFolder folder;
    const std::string key = folder / "key.pem", certificate = folder / "certificate.pem";
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=DNS:localhost "
        "-keyout " +
        key + " -out " + certificate;
    if (!runs(make) || !runs("curl --version")) {
        WARN("skipped: openssl or curl is missing");
        return;
    }
    Greeting greeting;
    HttpOptions secure;
    secure.listen = "localhost:0";
    secure.certificate = certificate;
    secure.key = key;
    std::optional<HttpServer> server;
    try {
        server.emplace(secure, greeting);
    } catch (const UsageError&) {
        WARN("skipped: built without OpenSSL");
        return;
    }
    CHECK(server->url().starts_with("https://localhost:"));
    const std::string ask = "curl -s -4 -m 30 --cacert " + certificate + " " + server->url() + "/";
    CHECK(runs(ask + " " + server->url() + "/ -d body"));
    CHECK_FALSE(runs(ask + " --tls-max 1.1"));
    const std::string sent = folder / "sent", got = folder / "got";
    for (const std::size_t size : {1, 16'000, 17'000, 300'000}) {  // around what a record of TLS holds
        test::write_text(sent, std::string(size, 'x') + "end");
        for (const char* field : {"Expect:", "Expect: 100-continue"}) {
            CHECK(runs(ask + " -H '" + field + "' --data-binary @" + sent + " -o " + got));
            CHECK(test::read_text(got) == test::read_text(sent));
        }
    }
    test::write_text(sent, get_request("/", "Connection: close\r\n"));
    // Who is not told that the connection ends, only sees it end, fails.
    CHECK(runs("openssl s_client -quiet -connect " + server->url().substr(8) + " < " + sent + " > " + got));
    CHECK(body_of(test::read_text(got)) == "hello");
    {
        RawClient plain(server->url());
        plain.send(get_request("/"));
        CHECK(plain.ends());
    }
    CHECK(runs(ask));
    secure.limits.connections = 0;
    HttpServer full(secure, greeting);
    RawClient more(full.url());
    CHECK(more.answer().empty());
    CHECK(more.ends());
    test::write_text(key, "no key");
    CHECK_THROWS_AS(HttpServer(secure, greeting), InputError);
    secure.key = folder / "missing.pem";
    CHECK_THROWS_AS(HttpServer(secure, greeting), IoError);
}
