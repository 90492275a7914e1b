// What a node does with connections of peers that are broken, or mean harm: bytes over TCP.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "kernels/error.h"
#include "serve/dicom/node.h"
#include "tests/serve/dicom_samples.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::hostile_peer_tests {

using namespace keel::test;

namespace {

using Bytes = std::vector<std::uint8_t>;
using std::chrono::milliseconds;

Descriptor connect_to(int port) {
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket;
}

/// Sends as much as the node takes.
void send_bytes(const Descriptor& socket, const Bytes& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const auto sent = ::send(socket.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += static_cast<std::size_t>(sent);
    }
}

/// Returns what the node sends until it closes the connection, which it is to do in time.
Bytes read_to_end(const Descriptor& socket) {
    Bytes all;
    for (;;) {
        pollfd wait{socket.get(), POLLIN, 0};
        REQUIRE(::poll(&wait, 1, 60'000) == 1);
        std::uint8_t part[4096];
        const auto got = ::recv(socket.get(), part, sizeof part, 0);
        if (got <= 0) return all;
        all.insert(all.end(), part, part + got);
    }
}

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Bytes text(const std::string& s) { return {s.begin(), s.end()}; }
Bytes number(std::size_t value, int bytes) {
    Bytes all;
    for (int i = bytes - 1; i >= 0; --i) all.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return all;
}
Bytes pdu(std::uint8_t type, const Bytes& body) { return Bytes{type, 0} + number(body.size(), 4) + body; }
Bytes part(std::uint8_t type, const Bytes& body) { return Bytes{type, 0} + number(body.size(), 2) + body; }

/// A request for an association that proposes C-ECHO (context 1) and CR (context 3).
Bytes request(const std::string& called = "KEEL            ") {
    const Bytes syntax = part(0x40, text("1.2.840.10008.1.2"));
    const auto context = [&](std::uint8_t id, const std::string& uid) {
        return part(0x20, Bytes{id, 0, 0, 0} + part(0x30, text(uid)) + syntax);
    };
    return pdu(1, Bytes{0, 1, 0, 0} + text(called) + text("HOSTILE         ") + Bytes(32) +
                      part(0x10, text("1.2.840.10008.3.1.1.1")) + context(1, "1.2.840.10008.1.1") +
                      context(3, "1.2.840.10008.5.1.4.1.1.1") +
                      part(0x50, part(0x51, number(16384, 4)) + part(0x52, text("1.2.3"))));
}

/// An element of a command: implicit, little endian.
Bytes element(std::uint16_t tag, const Bytes& value) {
    const auto size = static_cast<std::uint8_t>(value.size());
    return Bytes{0, 0, static_cast<std::uint8_t>(tag), static_cast<std::uint8_t>(tag >> 8), size, 0, 0, 0} + value;
}
Bytes command(std::uint8_t context, const Bytes& elements, std::uint8_t kind = 3) {
    return pdu(4, number(elements.size() + 2, 4) + Bytes{context, kind} + elements);
}
Bytes store_request(const std::string& instance) {
    std::string uid = instance;
    if (uid.size() % 2 != 0) uid += '\0';
    return element(0x0002, text(std::string("1.2.840.10008.5.1.4.1.1.1") + '\0')) + element(0x0100, {1, 0}) +
           element(0x0110, {1, 0}) + element(0x0700, {0, 0}) + element(0x0800, {1, 0}) + element(0x1000, text(uid));
}

/// A node whose peer is nobody and that scores nothing.
struct Served {
    explicit Served(milliseconds patience = milliseconds(60'000)) {
        NodeOptions o;
        o.own = {"KEEL", "127.0.0.1", 0};
        o.peer = {"NOBODY", "127.0.0.1", 1};
        o.folder = scratch / "node";
        o.connections = 4;
        o.times = {.start = patience, .idle = patience, .pdu = patience, .message = patience};
        const NodeScorer scorer{[] { return sample_findings().model_key(); },
                                [](dicom::Bytes, const std::string&) { return std::optional<Findings>(); }};
        node = std::make_unique<Node>(o, scorer, [this](bool, const std::string& line) {
            const std::lock_guard lock(mutex);
            lines += line + '\n';
        });
    }
    /// Whether another peer is answered, however long the machine takes for it.
    bool answers_others() const {
        CallOptions call;
        call.title = "MODALITY";
        call.peer = {"KEEL", "127.0.0.1", node->port()};
        return eventually([&] {
            try {
                return call_peer(call)->echo().result == SendResult::stored;
            } catch (const IoError&) {
                return false;
            }
        });
    }
    bool serves(int associations) const {
        return eventually([&] { return node->counts().associations == associations; });
    }
    std::string said() {
        const std::lock_guard lock(mutex);
        return lines;
    }

    const TemporaryFolder scratch;
    std::mutex mutex;
    std::string lines;
    std::unique_ptr<Node> node;
};

struct Row {
    std::string what;
    Bytes bytes;
};

std::vector<Row> hostile_rows() {
    const Bytes echo = element(0x0002, text(std::string("1.2.840.10008.1.1") + '\0')) + element(0x0100, {0x30, 0}) +
                       element(0x0110, {1, 0}) + element(0x0800, {1, 1});
    Bytes lying = request();
    lying[5] = 200;  // shorter than its items say
    Bytes cut = request();
    cut.resize(cut.size() / 2);
    Bytes item = request();
    item[74 + 2] = 0xFF;  // an item that is longer than the request
    std::vector<Row> rows{
        {"HTTP", text("GET / HTTP/1.1\r\nHost: keel\r\n\r\n")},
        {"TLS", {0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3}},
        {"nothing", {}},
        {"zeros", Bytes(100'000)},
        {"a request of 4 GB", Bytes{1, 0, 0xFF, 0xFF, 0xFF, 0xFF} + Bytes(1000)},
        {"a request that is cut off", cut},
        {"a request whose length lies", lying},
        {"an item whose length lies", item},
        {"an empty request", pdu(1, {})},
        {"a request of zeros", pdu(1, Bytes(68))},
        {"a request with no contexts",
         pdu(1, Bytes{0, 1, 0, 0} + text("KEEL            HOSTILE         ") + Bytes(32))},
        {"another title", request("SOMEBODY        ")},
        {"data before the answer", request() + Bytes{4, 0, 0xFF, 0xFF, 0xFF, 0xFF}},
        {"a second request", request() + request()},
        {"a context that was not agreed on", request() + command(77, echo)},
        {"a command of no elements", request() + command(1, {})},
        {"a command whose lengths lie", request() + command(1, {0, 0, 2, 0, 0xF0, 0xFF, 0xFF, 0x7F, 1, 2})},
        {"a command of random bytes", request() + command(1, Bytes(64, 0xA5))},
        {"a command that was not agreed on", request() + command(3, echo)},
        {"an unknown command", request() + command(1, element(0x0100, {0x21, 0}) + element(0x0800, {1, 1}))},
        {"a path for a UID", request() + command(3, store_request("../../../../etc/passwd")) +
                                 pdu(4, number(6, 4) + Bytes{3, 2, 1, 2, 3, 4})},
        {"an overlong UID",
         request() + command(3, store_request(std::string(200, '1'))) + pdu(4, number(6, 4) + Bytes{3, 2, 1, 2, 3, 4})},
        {"data of another context",
         request() + command(3, store_request("1.2.3")) + pdu(4, number(6, 4) + Bytes{1, 2, 1, 2, 3, 4})},
        {"data of an odd length",
         request() + command(3, store_request("1.2.3")) + pdu(4, number(5, 4) + Bytes{3, 2, 1, 2, 3})},
        {"a command within the data",
         request() + command(3, store_request("1.2.3")) + command(3, store_request("1.2.3"))},
        {"an image that breaks off",
         request() + command(3, store_request("1.2.3")) + pdu(4, number(6, 4) + Bytes{3, 0, 1, 2, 3, 4})},
        {"an abort", request() + pdu(7, Bytes(4))},
        {"data after a release", request() + pdu(5, Bytes(4)) + command(1, echo)},
    };
    Bytes many = request();
    for (int i = 0; i < 3000; ++i) many = many + command(1, Bytes(16, 1), 1);
    rows.push_back({"a command without end", many});
    return rows;
}

}  // namespace

TEST_CASE("connections of broken and hostile peers end, and others are served", "[serve]") {
    if (!has_network()) return;
    Served served;
    for (const auto& [what, bytes] : hostile_rows()) {
        INFO(what);
        const Descriptor socket = connect_to(served.node->port());
        send_bytes(socket, bytes);
        ::shutdown(socket.get(), SHUT_WR);
        read_to_end(socket);
        CHECK(served.answers_others());
    }
    // Nothing was stored, and no name of a file came from outside.
    CHECK(served.node->counts().received == 0);
    for (const char* word : {"passwd", "HOSTILE", "1.2.3"}) CHECK_FALSE(holds(served.said(), word));
}

TEST_CASE("peers that are slow are cut off, and hold nobody up meanwhile", "[serve]") {
    if (!has_network()) return;
    Served served(milliseconds(300));
    std::vector<Descriptor> slow;
    for (const Bytes& bytes : {Bytes{}, Bytes{1, 0, 0}, request(), request() + Bytes{4, 0, 0, 0}}) {
        slow.push_back(connect_to(served.node->port()));
        send_bytes(slow.back(), bytes);
    }
    // These are all that it serves at once.
    for (const Descriptor& socket : slow) read_to_end(socket);
    CHECK(served.answers_others());
    CHECK(eventually([&] {
        const std::string said = served.said();
        return holds(said, "no request for an association came in time") && holds(said, "nothing came for too long");
    }));
}

TEST_CASE("a peer beyond those that are served at once is told so", "[serve]") {
    if (!has_network()) return;
    Served served;
    std::vector<Descriptor> held;
    for (int i = 0; i < 4; ++i) held.push_back(connect_to(served.node->port()));
    REQUIRE(served.serves(4));
    const Bytes answer = read_to_end(connect_to(served.node->port()));
    CHECK(answer == Bytes{3, 0, 0, 0, 0, 4, 0, 2, 3, 2});
    held.clear();
    REQUIRE(served.serves(0));
    CHECK(served.answers_others());
}

TEST_CASE("a node that stops ends connections that do not, idle associations at once", "[serve]") {
    if (!has_network()) return;
    Served served;
    const Descriptor silent = connect_to(served.node->port());
    REQUIRE(served.serves(1));
    served.node->stop(milliseconds(10));
    read_to_end(silent);
    Served other;
    const Descriptor agreed = connect_to(other.node->port());
    send_bytes(agreed, request());
    pollfd answer{agreed.get(), POLLIN, 0};
    REQUIRE(::poll(&answer, 1, 60'000) == 1);
    // The peer would wait for a minute, and the node for an hour.
    other.node->stop(std::chrono::hours(1));
    read_to_end(agreed);
    CHECK(other.node->counts().associations == 0);
}

}  // namespace keel::dicom_node::hostile_peer_tests
