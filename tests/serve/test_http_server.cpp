// The server against clients that are slow, broken or hostile, over sockets.
#include "serve/http/http_server.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernels/error.h"
#include "tests/serve/raw_client.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::serve;
using namespace keel::test;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kServerPatience = std::chrono::seconds(60);

/// Answers a POST with its body, a GET with "hello"; holds /held until release(); fails at /boom; refuses /refuse;
/// /large is more than sockets hold.
class Echo final : public HttpHandler {
public:
    std::optional<HttpResponse> admit(const HttpRequest& head) override {
        if (head.path == "/refuse") return error_response(401, "no");
        return std::nullopt;
    }
    void handle(HttpRequest request, HttpRespond respond) override {
        if (request.path == "/boom") throw std::runtime_error("boom");
        HttpResponse response{.type = "text/plain", .body = request.method == "POST" ? *request.body : "hello"};
        if (request.path == "/large") response.body.assign(32 << 20, 'x');
        if (request.path != "/held") return respond(std::move(response));
        const std::lock_guard lock(mutex_);
        held_.emplace_back(std::move(request), [respond, response] { respond(response); });
        changed_.notify_all();
    }
    void answered(const HttpRecord& record) override {
        const std::lock_guard lock(mutex_);
        records_.push_back(record);
        changed_.notify_all();
    }

    /// Waits until a request is held; returns whether its client has gone.
    std::shared_ptr<const std::atomic<bool>> held() {
        std::unique_lock lock(mutex_);
        REQUIRE(changed_.wait_for(lock, kServerPatience, [&] { return !held_.empty(); }));
        return held_.front().first.cancelled;
    }
    void release() {
        std::vector<std::pair<HttpRequest, std::function<void()>>> held;
        {
            const std::lock_guard lock(mutex_);
            held.swap(held_);
        }
        for (const auto& [request, answer] : held) answer();
    }
    HttpRecord last_record(std::size_t count) {
        std::unique_lock lock(mutex_);
        REQUIRE(changed_.wait_for(lock, kServerPatience, [&] { return records_.size() >= count; }));
        return records_[count - 1];
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<HttpRequest, std::function<void()>>> held_;
    std::vector<HttpRecord> records_;
};

HttpOptions options(const HttpLimits& limits = {}) { return {.listen = "127.0.0.1:0", .limits = limits}; }

HttpLimits small_limits() {
    HttpLimits limits;
    limits.header_bytes = 4096;
    limits.body_bytes = 100'000;
    return limits;
}

/// Waits for what happens on another thread.
template <class Condition>
bool soon(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + kServerPatience;
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(milliseconds(1));
    return condition();
}

struct HostileRequest {
    const char* what;
    std::string bytes, status;  ///< empty: the connection ends without an answer
    bool ends_sending = false;
};

std::vector<HostileRequest> hostile_requests() {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
    std::string fields;
    for (int i = 0; i < 500; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
    return {
        {"no HTTP", "hello, world\r\n\r\n", "400"},
        {"a client of TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n", "400"},
        {"zeros", std::string(64, '\0'), "400"},
        {"no version", "GET /\r\n\r\n", "400"},
        {"another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
        {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
        {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        {"a field without a colon", "GET / HTTP/1.1\r\nHost a\r\n\r\n", "400"},
        {"a field with a space before its colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
        {"a zero in a field", std::string("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 33), "400"},
        {"a long line", "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "431"},
        {"a long field", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(10'000, 'a') + "\r\n\r\n", "431"},
        {"many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n", "431"},
        {"a field without an end", "GET / HTTP/1.1\r\nHost: " + std::string(100'000, 'a'), "431"},
        {"a length below 0", head + "Content-Length: -1\r\n\r\n", "400"},
        {"a length that is none", head + "Content-Length: 0x10\r\n\r\n", "400"},
        {"a length beyond 64 bits", head + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
        {"two lengths", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
        {"a length that is a list", head + "Content-Length: 1, 2\r\n\r\nab", "400"},
        {"a body that is too long", head + "Content-Length: 100001\r\n\r\n", "413"},
        {"a body of exabytes", head + "Content-Length: 9223372036854775807\r\n\r\n", "413"},
        {"a length and chunks", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"chunks and a length", head + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"},
        {"another encoding", head + "Transfer-Encoding: gzip\r\n\r\n", "501"},
        {"chunks that are encoded", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
        {"a chunk without a size", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"},
        {"a chunk below 0", head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "400"},
        {"a chunk of 2^64", head + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", "400"},
        {"a chunk that is too long", head + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", "413"},
        {"a chunk that ends otherwise", head + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", "400"},
        {"chunks that add up",
         head + "Transfer-Encoding: chunked\r\n\r\n" + "186a0\r\n" + std::string(100'000, 'x') +
             "\r\n1\r\nx\r\n0\r\n\r\n",
         "413"},
        {"an expectation that is none", head + "Content-Length: 1\r\nExpect: roses\r\n\r\n", "417"},
        {"a failing handler", get_request("/boom"), "500"},
        {"a refusal before the body", post_request("/refuse", std::string(50'000, 'x')), "401"},
        {"half a line", "GET / HT", "", true},
        {"half the fields", "GET / HTTP/1.1\r\nHost: a\r\n", "", true},
        {"half a body", head + "Content-Length: 10\r\n\r\nabc", "", true},
        {"half a chunk", head + "Transfer-Encoding: chunked\r\n\r\n10\r\nabc", "", true},
        {"nothing", "", "", true},
    };
}

}  // namespace

TEST_CASE("Requests are answered one after the other, with and without bodies", "[http_server]") {
    Echo echo;
    HttpServer server(options(), echo);
    RawClient client(server.url());
    REQUIRE(client.is_open());
    for (int i = 0; i < 3; ++i) {
        client.send(get_request("/"));
        CHECK(body_of(client.answer()) == "hello");
        client.send(post_request("/", std::string(200'000, 'x')));
        CHECK(body_of(client.answer()) == std::string(200'000, 'x'));
    }
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
    client.send("cde\r\n3;x=y\r\nfgh\r\n0\r\nTrailer: t\r\n\r\n");
    CHECK(body_of(client.answer()) == "abcdefgh");
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string head = client.answer(true);
    CHECK_THAT(head, contains("Content-Length: 5\r\n"));
    CHECK(body_of(head).empty());
    client.send(get_request("/", "Connection: close\r\n"));
    CHECK_THAT(client.answer(), contains("Connection: close\r\n"));
    CHECK(client.ends());
    RawClient old(server.url());
    old.send("GET / HTTP/1.0\r\n\r\n");
    CHECK(body_of(old.answer()) == "hello");
    CHECK(old.ends());
}

TEST_CASE("Requests that come at once are answered in their order", "[http_server]") {
    Echo echo;
    HttpServer server(options(), echo);
    RawClient client(server.url());
    std::string all;
    for (int i = 0; i < 50; ++i) all += post_request("/", std::to_string(i)) + get_request("/");
    client.send(all);
    for (int i = 0; i < 50; ++i) {
        CHECK(body_of(client.answer()) == std::to_string(i));
        CHECK(body_of(client.answer()) == "hello");
    }
}

TEST_CASE("A request that comes byte by byte is one request", "[http_server]") {
    Echo echo;
    HttpServer server(options(), echo);
    RawClient client(server.url());
    const std::string chunks = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc";
    for (const char c : post_request("/", "abc") + chunks + "\r\n0\r\nT: t\r\n\r\n" + get_request("/"))
        client.send(std::string(1, c));
    CHECK(body_of(client.answer()) == "abc");
    CHECK(body_of(client.answer()) == "abc");
    CHECK(body_of(client.answer()) == "hello");
}

TEST_CASE("A client that asks whether its body is welcome is told", "[http_server]") {
    Echo echo;
    HttpServer server(options(small_limits()), echo);
    RawClient client(server.url());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.answer() == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    CHECK(body_of(client.answer()) == "abc");
    RawClient refused(server.url());
    refused.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n");
    CHECK(status_of(refused.answer()) == "413");
}

TEST_CASE("Hostile requests are refused, and others answered", "[http_server][hostile]") {
    Echo echo;
    HttpServer server(options(small_limits()), echo);
    for (const HostileRequest& row : hostile_requests()) {
        INFO(row.what);
        RawClient client(server.url());
        client.send(row.bytes);
        if (row.ends_sending) client.end_sending();
        CHECK(status_of(client.answer()) == row.status);
        if (row.status != "500") {
            client.end_sending();
            CHECK(client.ends());
        }
        CHECK(status_of(asked(server.url(), get_request("/"))) == "200");
    }
    CHECK(soon([&] { return server.connections() == 0; }));
}

TEST_CASE("Two hundred clients that begin and say no more keep nobody waiting", "[http_server][hostile]") {
    Echo echo;
    HttpServer server(options(small_limits()), echo);
    const std::vector<HostileRequest> rows = hostile_requests();
    std::vector<RawClient> clients;
    for (std::size_t i = 0; i < 200; ++i) {
        RawClient& client = clients.emplace_back(server.url());
        const std::string& bytes = rows[i % rows.size()].bytes;
        client.send(bytes.substr(0, std::min<std::size_t>(bytes.size() / 2, 1 + i)));
        if (i % 5 == 1) client.reset();
        if (i % 5 == 2) client.end_sending();
    }
    for (int i = 0; i < 20; ++i) CHECK(status_of(asked(server.url(), post_request("/", "x"))) == "200");
}

TEST_CASE("Who is slow is let go", "[http_server][hostile]") {
    HttpLimits limits;
    limits.idle = limits.header = limits.body = limits.answer = 0.2;
    limits.least_rate = 1e9;
    Echo echo;
    HttpServer server(options(limits), echo);
    RawClient idle(server.url()), header(server.url()), body(server.url());
    header.send("GET / HTTP/1.1\r\nHost: a\r\n");
    body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    CHECK(idle.ends());
    CHECK(header.ends());
    CHECK(body.ends());
    CHECK(echo.last_record(1).status == 408);
    RawClient taking(server.url());
    taking.send(get_request("/large"));  // and takes nothing of it
    CHECK_FALSE(echo.last_record(2).complete);
    CHECK(soon([&] { return server.connections() == 0; }));
}

TEST_CASE("A client that drips its fields gets no more time for it", "[http_server][hostile]") {
    HttpLimits limits;
    limits.header = 0.3;
    Echo echo;
    HttpServer server(options(limits), echo);
    RawClient client(server.url());
    const auto begin = std::chrono::steady_clock::now();
    client.send("GET / HTTP/1.1\r\n");
    while (client.send("X: y\r\n") && !client.ends(milliseconds(20)))
        REQUIRE(std::chrono::steady_clock::now() - begin < kServerPatience);
    CHECK(soon([&] { return server.connections() == 0; }));
}

TEST_CASE("Who waits for a request or an answer has the time for that alone", "[http_server]") {
    HttpLimits limits;
    limits.header = limits.body = 0.05;  // their requests come whole
    Echo echo;
    HttpServer server(options(limits), echo);
    RawClient client(server.url());
    for (int i = 0; i < 2; ++i) {
        CHECK_FALSE(client.ends(milliseconds(150)));
        client.send(post_request("/held", "x"));
        (void)echo.held();
        CHECK_FALSE(client.ends(milliseconds(150)));
        echo.release();
        CHECK(body_of(client.answer()) == "x");
    }
}

TEST_CASE("Connections and the bytes of bodies are bounded", "[http_server][hostile]") {
    HttpLimits limits;
    limits.connections = 3;
    limits.all_bodies = 100'000;
    Echo echo;
    HttpServer server(options(limits), echo);
    {
        std::vector<RawClient> clients;
        for (int i = 0; i < 3; ++i) {
            clients.emplace_back(server.url()).send(get_request("/"));
            CHECK(status_of(clients.back().answer()) == "200");
        }
        RawClient more(server.url());
        const std::string answer = more.answer();
        CHECK(status_of(answer) == "503");
        CHECK_THAT(answer, contains("retry-after: 1"));
    }
    CHECK(soon([&] { return server.connections() == 0; }));
    CHECK(status_of(asked(server.url(), post_request("/", std::string(100'001, 'x')))) == "503");
    CHECK(status_of(asked(server.url(), post_request("/", std::string(99'999, 'x')))) == "200");
    RawClient holds(server.url());
    holds.send(post_request("/held", std::string(60'000, 'x')));
    (void)echo.held();
    CHECK(status_of(asked(server.url(), post_request("/", std::string(60'000, 'x')))) == "503");
    echo.release();
    CHECK(status_of(holds.answer()) == "200");
    CHECK(soon([&] { return status_of(asked(server.url(), post_request("/", std::string(60'000, 'x')))) == "200"; }));
}

TEST_CASE("A handler learns that its client has gone, and one that only ends its side gets its answer",
          "[http_server]") {
    Echo echo;
    HttpServer server(options(), echo);
    for (const bool breaks : {false, true}) {
        RawClient client(server.url());
        client.send(get_request("/held"));
        const auto gone = echo.held();
        CHECK_FALSE(*gone);
        breaks ? client.reset() : client.close();
        CHECK(soon([&] { return gone->load(); }));
        echo.release();
    }
    RawClient half(server.url());
    half.send(get_request("/held", "Connection: close\r\n"));
    const auto gone = echo.held();
    half.end_sending();
    CHECK(status_of(asked(server.url(), get_request("/"))) == "200");
    CHECK_FALSE(*gone);
    echo.release();
    CHECK(body_of(half.answer()) == "hello");
    CHECK(soon([&] { return server.connections() == 0; }));
}

TEST_CASE("A server that drains answers what came and takes nothing more", "[http_server]") {
    Echo echo;
    HttpServer server(options(), echo);
    RawClient idle(server.url()), busy(server.url());
    idle.send(get_request("/"));
    CHECK(status_of(idle.answer()) == "200");
    busy.send(get_request("/held"));
    (void)echo.held();
    CHECK_FALSE(server.drain(milliseconds(50)));
    CHECK(idle.ends());
    CHECK(soon([&] { return !RawClient(server.url()).is_open(); }));
    std::thread later([&] { echo.release(); });
    CHECK(server.drain(kServerPatience));
    later.join();
    const std::string answer = busy.answer();
    CHECK(body_of(answer) == "hello");
    CHECK_THAT(answer, contains("Connection: close"));
    CHECK(busy.ends());
}

TEST_CASE("A server ends with requests that have no answer", "[http_server]") {
    Echo echo;
    {
        HttpServer server(options(), echo);
        RawClient client(server.url());
        client.send(get_request("/held"));
        (void)echo.held();
        server.stop();
        echo.release();  // leads nowhere
    }
    CHECK(true);
}

TEST_CASE("Addresses that are none, or taken, are refused", "[http_server]") {
    Echo echo;
    const auto listen = [&](const std::string& address) { HttpServer({.listen = address}, echo); };
    for (const char* address : {"", "8080", "127.0.0.1", "127.0.0.1:", ":8080", "127.0.0.1:http", "127.0.0.1:65536",
                                "::1:8080", "127.0.0.1:-1"})
        CHECK_THROWS_AS(listen(address), UsageError);
    const HttpServer first(options(), echo);
    CHECK_THROWS_AS(listen(first.url().substr(7)), IoError);
    CHECK_THROWS_AS(listen("203.0.113.7:80"), IoError);  // an address of nobody's (RFC 5737)
    CHECK_THROWS_AS(HttpServer({.listen = "127.0.0.1:0", .certificate = "c"}, echo), UsageError);
}
