// The node and a peer in one process, over TCP.
#include "serve/dicom/node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <map>

#include "engine/paths.h"
#include "kernels/error.h"
#include "serve/dicom/identifiers.h"
#include "tests/serve/dicom_archive.h"
#include "tests/serve/dicom_samples.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::node_tests {

using namespace keel::test;

namespace {

using std::chrono::milliseconds;

/// Calls every image a pneumothorax, unless it is to wait.
NodeScorer scorer(std::atomic<bool>* waits = nullptr) {
    return {[] { return sample_findings().model_key(); },
            [waits](dicom::Bytes file, const std::string& name) -> std::optional<Findings> {
                if (waits != nullptr && *waits) return std::nullopt;
                if (dicom::read_dicom(file, name).attributes.columns == 1) throw InputError("[test] too narrow");
                return sample_findings();
            }};
}

NodeOptions options(const std::string& folder, int peer) {
    NodeOptions o;
    o.own = {"KEEL", "127.0.0.1", 0};
    o.peer = {"ARCHIVE", "127.0.0.1", peer};
    o.folder = folder;
    o.first_retry = milliseconds(20);
    o.longest_retry = milliseconds(50);
    o.times = {.start = milliseconds(20'000), .idle = milliseconds(20'000), .pdu = milliseconds(20'000)};
    return o;
}

CallOptions caller(int port) {
    CallOptions call;
    call.title = "MODALITY";
    call.peer = {"KEEL", "127.0.0.1", port};
    call.classes = {kDigitalXRay, kComputedRadiography, kSecondaryCapture};
    return call;
}

/// Sends images to a node; returns what each came to.
std::vector<SendResult> send(int port, const TemporaryFolder& scratch, const std::vector<DicomWriter>& images) {
    const auto peer = call_peer(caller(port));
    std::vector<SendResult> results;
    for (const DicomWriter& image : images) {
        write_text(scratch / "sent.dcm", bytes_of(image));
        results.push_back(peer->send(scratch / "sent.dcm").result);
    }
    peer->release();
    return results;
}

std::string report_of(int seed) {
    return report_uid("1.2.3.4.6." + std::to_string(seed), sample_findings().model_key());
}

struct Lines {
    SayOfNode say() {
        return [this](bool, const std::string& line) {
            const std::lock_guard lock(mutex);
            all += line + '\n';
        };
    }
    std::string text() {
        const std::lock_guard lock(mutex);
        return all;
    }
    std::mutex mutex;
    std::string all;
};

}  // namespace

TEST_CASE("images are answered at the peer, each once", "[serve]") {
    if (!has_network()) SUCCEED("built without DCMTK");
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Archive archive({kReport});
    Node node(options(scratch / "node", archive.port()), scorer(), {});
    CHECK(call_peer(caller(node.port()))->echo().result == SendResult::stored);
    std::vector<DicomWriter> images;
    for (int i = 0; i < 5; ++i) images.push_back(xray(i));
    for (int i = 0; i < 5; ++i) images.push_back(xray(i));
    CHECK(send(node.port(), scratch, images) == std::vector<SendResult>(10, SendResult::stored));
    REQUIRE(eventually([&] { return node.counts().delivered == 5; }));
    CHECK(send(node.port(), scratch, images) == std::vector<SendResult>(10, SendResult::stored));
    CHECK(node.counts().received == 20);
    CHECK(node.counts().repeated == 15);
    CHECK(archive.stored() == 5);
    const auto objects = archive.objects();
    for (int i = 0; i < 5; ++i) {
        REQUIRE(objects.contains(report_of(i)));
        const Parsed report = parse(span_of(objects.at(report_of(i))), {true, false});
        CHECK(report.at(0x00100020) == "PID-4711");
        CHECK(report.at(0x00200013) == std::to_string(i));
    }
}

TEST_CASE("answers wait for a peer that is not there, over the node's end", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    int port = 0;
    {
        const Archive nobody({kReport});
        port = nobody.port();
    }
    Lines lines;
    {
        Node node(options(scratch / "node", port), scorer(), lines.say());
        send(node.port(), scratch, {xray(1), xray(2)});
        REQUIRE(eventually([&] { return node.counts().waiting.answers == 2; }));
        REQUIRE(eventually([&] { return holds(lines.text(), "answers wait"); }));
    }
    const Node node(options(scratch / "node", port), scorer(), lines.say());
    CHECK(node.counts().waiting.answers == 2);
    const Archive archive({kReport}, port);
    REQUIRE(eventually([&] { return node.counts().delivered == 2; }));
    CHECK(archive.objects().contains(report_of(1)));
    CHECK(archive.objects().contains(report_of(2)));
    CHECK(list_folder(scratch / "node/answers").empty());
}

TEST_CASE("images wait while nobody scores them, over the node's end", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Archive archive({kReport});
    std::atomic<bool> waits = true;
    {
        Node node(options(scratch / "node", archive.port()), scorer(&waits), {});
        send(node.port(), scratch, {xray(1), xray(2), xray(3)});
        CHECK(node.counts().waiting.images == 3);
    }
    waits = false;
    const Node node(options(scratch / "node", archive.port()), scorer(&waits), {});
    REQUIRE(eventually([&] { return archive.objects().size() == 3; }));
}

TEST_CASE("images that cannot be scored are kept with the reason, and hold nobody up", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Archive archive({kReport});
    Lines lines;
    Node node(options(scratch / "node", archive.port()), scorer(), lines.say());
    DicomWriter narrow = xray(1), nowhere = xray(2);
    narrow.word(0x00280011, 1);
    nowhere.remove(0x0020000D);
    CHECK(send(node.port(), scratch, {narrow, nowhere, xray(3)}) ==
          std::vector{SendResult::stored, SendResult::lasting, SendResult::stored});
    REQUIRE(eventually([&] { return node.counts().delivered == 1 && node.counts().failed == 2; }));
    CHECK(archive.objects().contains(report_of(3)));
    CHECK(node.counts().refused == 1);
    CHECK_THAT(lines.text(), contains("[test] too narrow") && contains("wanted its study instance UID"));
    // Log lines name no patient and no image.
    for (const char* word : {"4711", "Surname", "1.2.3.4"}) CHECK_FALSE(holds(lines.text(), word));
    CHECK(list_folder(scratch / "node/failed").size() == 4);
}

TEST_CASE("an answer that the peer refuses is kept, one that it takes later is sent again", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Lines lines;
    SECTION("it takes no reports") {
        Archive archive({kSecondaryCapture});
        Node node(options(scratch / "node", archive.port()), scorer(), lines.say());
        send(node.port(), scratch, {xray(1)});
        REQUIRE(eventually([&] { return node.counts().failed == 1; }));
        CHECK_THAT(lines.text(), contains("it takes no objects of class ComprehensiveSRStorage"));
    }
    SECTION("it cannot understand them") {
        Archive archive({kReport});
        archive.outcome = {StoreOutcome::Kind::unreadable, "no"};
        Node node(options(scratch / "node", archive.port()), scorer(), lines.say());
        send(node.port(), scratch, {xray(1)});
        REQUIRE(eventually([&] { return node.counts().failed == 1; }));
        CHECK_THAT(lines.text(), contains("status c000"));
        CHECK(archive.stored() == 1);
    }
    SECTION("it has no room") {
        Archive archive({kReport});
        archive.outcome = {StoreOutcome::Kind::out_of_resources, "full"};
        Node node(options(scratch / "node", archive.port()), scorer(), lines.say());
        send(node.port(), scratch, {xray(1)});
        REQUIRE(eventually([&] { return node.counts().failed == 1; }));
        CHECK(archive.stored() == 10);
    }
}

TEST_CASE("a node's own captures that come back are not answered", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Archive archive({kReport});
    Node node(options(scratch / "node", archive.port()), scorer(), {});
    AnswerOptions answer;
    answer.capture = true;
    const auto objects = make_answer(read_source(span_of(bytes_of(xray(1))), "test"), sample_findings(true), answer, 0);
    write_text(scratch / "capture.dcm", objects.at(1).file);
    const auto peer = call_peer(caller(node.port()));
    CHECK(peer->send(scratch / "capture.dcm").result == SendResult::stored);
    REQUIRE(eventually([&] { return node.counts().waiting.images == 0; }));
    send(node.port(), scratch, {xray(2)});
    REQUIRE(eventually([&] { return node.counts().delivered == 1; }));
    CHECK(archive.stored() == 1);
}

TEST_CASE("a full node takes no more, and says so", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Archive archive({kReport});
    std::atomic<bool> waits = true;
    NodeOptions o = options(scratch / "node", archive.port());
    o.limits.waiting = 2;
    Node node(o, scorer(&waits), {});
    CHECK(send(node.port(), scratch, {xray(1), xray(2), xray(3)}) ==
          std::vector{SendResult::stored, SendResult::stored, SendResult::passing});
    waits = false;
    REQUIRE(eventually([&] { return node.counts().delivered == 2; }));
    CHECK(send(node.port(), scratch, {xray(3)}) == std::vector{SendResult::stored});
}

TEST_CASE("who calls another title, or may not call, is refused", "[serve]") {
    if (!has_network()) return;
    const TemporaryFolder scratch;
    Archive archive({kReport});
    NodeOptions o = options(scratch / "node", archive.port());
    o.callers = {"MODALITY", "OTHER"};
    Node node(o, scorer(), {});
    CallOptions call = caller(node.port());
    CHECK_NOTHROW(call_peer(call));
    call.title = "STRANGER";
    CHECK_THROWS_WITH(call_peer(call), contains("rejected the association"));
    call.title = "OTHER";
    call.peer.title = "KEEL2";
    CHECK_THROWS_AS(call_peer(call), IoError);
}

TEST_CASE("a folder that is in use, and an address that is taken, are said", "[serve]") {
    if (!has_network()) {
        CHECK_THROWS_WITH(prepare_network(), contains("built without DCMTK"));
        return;
    }
    const TemporaryFolder scratch;
    const Node node(options(scratch / "node", 1), scorer(), {});
    CHECK_THROWS_AS(Node(options(scratch / "node", 1), scorer(), {}), UsageError);
    NodeOptions taken = options(scratch / "other", 1);
    taken.own.port = node.port();
    CHECK_THROWS_WITH(Node(taken, scorer(), {}), contains("cannot listen at 127.0.0.1:"));
    taken.own = {"KEEL", "no.such.host.invalid", 0};
    CHECK_THROWS_AS(Node(taken, scorer(), {}), IoError);
}

}  // namespace keel::dicom_node::node_tests
