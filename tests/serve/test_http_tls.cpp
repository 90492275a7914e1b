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

/// Answers whatever it is asked.
class Greeting final : public HttpHandler {
public:
    std::optional<HttpResponse> admit(const HttpRequest&) override { return std::nullopt; }
    void handle(HttpRequest, HttpRespond respond) override { respond({.type = "text/plain", .body = "hello"}); }
    void answered(const HttpRecord&) override {}
};

}  // namespace

TEST_CASE("TLS, where it is built in", "[http_server]") {
    const TemporaryFolder folder;
    const std::string key = folder / "key.pem", certificate = folder / "certificate.pem";
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=DNS:localhost "
        "-keyout " +
        key + " -out " + certificate + " >/dev/null 2>&1";
    if (std::system(make.c_str()) != 0 || std::system("curl --version >/dev/null 2>&1") != 0) {
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
    CHECK(std::system((ask + " " + server->url() + "/ -d body >/dev/null").c_str()) == 0);
    CHECK(std::system((ask + " --tls-max 1.1 >/dev/null 2>&1").c_str()) != 0);
    {
        RawClient plain(server->url());
        plain.send(get_request("/"));
        CHECK(plain.ends());
    }
    CHECK(std::system((ask + " >/dev/null").c_str()) == 0);
    test::write_text(key, "no key");
    CHECK_THROWS_AS(HttpServer(secure, greeting), InputError);
    secure.key = folder / "missing.pem";
    CHECK_THROWS_AS(HttpServer(secure, greeting), IoError);
}
