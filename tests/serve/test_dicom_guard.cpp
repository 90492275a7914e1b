#include "serve/dicom/net/pdu_guard.h"

#include <vector>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::guard_tests {

using namespace keel::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void append_length(Bytes& dst, std::size_t length) {
    for (const int shift : {24, 16, 8, 0}) dst.push_back(static_cast<std::uint8_t>(length >> shift));
}

Bytes pdu(std::uint8_t type, const Bytes& body) {
    Bytes all{type, 0};
    append_length(all, body.size());
    all.insert(all.end(), body.begin(), body.end());
    return all;
}

Bytes value_of(std::uint8_t kind, const Bytes& content) {
    Bytes all;
    append_length(all, content.size() + 2);
    all.insert(all.end(), {1, kind});
    all.insert(all.end(), content.begin(), content.end());
    return all;
}

/// An element of a command: group 0, a number, a length, zeros.
Bytes element(std::size_t size, std::uint8_t group = 0) {
    Bytes all{group, 0, 2, 0, static_cast<std::uint8_t>(size), static_cast<std::uint8_t>(size >> 8), 0, 0};
    all.resize(all.size() + size);
    return all;
}

/// A value of so many bytes; bit 0 of `kind` says command, which is one element then, bit 1 last.
Bytes value(std::uint8_t kind, std::size_t size) {
    return value_of(kind, (kind & 1) != 0 ? element(size - 8) : Bytes(size, 7));
}

/// A command that says whether data follow it.
Bytes command(bool data) {
    const auto kind = static_cast<std::uint8_t>(data ? 0 : 1);
    return pdu(4, value_of(3, element(30) + Bytes{0, 0, 0, 8, 2, 0, 0, 0, kind, kind}));
}

const Bytes kRequest = pdu(1, Bytes(200, 9)), kRelease = pdu(5, Bytes(4));

bool whole(PduGuard& guard, const Bytes& bytes) { return guard.look(bytes); }

}  // namespace

TEST_CASE("an association in good order passes, in whatever pieces it comes", "[serve]") {
    const Bytes stream = kRequest + command(true) + pdu(4, value(0, 1000) + value(0, 0)) + pdu(4, value(2, 30)) +
                         pdu(4, value(1, 50) + value(3, 60)) + command(false) + command(true) + pdu(4, value(2, 8)) +
                         kRelease;
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{7}, std::size_t{64}, stream.size()}) {
        PduGuard guard;
        std::size_t at = 0;
        for (; at < stream.size(); at += piece) {
            const std::size_t size = std::min(piece, stream.size() - at);
            REQUIRE(guard.look(std::span(stream).subspan(at, size)));
        }
        CHECK_FALSE(guard.within_pdu());
        CHECK_FALSE(guard.within_message());
    }
}

TEST_CASE("the guard knows what has begun", "[serve]") {
    PduGuard guard;
    CHECK(whole(guard, kRequest));
    CHECK_FALSE(guard.within_message());
    CHECK(whole(guard, {4}));
    CHECK(guard.within_pdu());
    PduGuard data;
    CHECK(whole(data, kRequest + command(false)));
    CHECK_FALSE(data.within_message());
    CHECK(whole(data, command(true)));
    CHECK(data.within_message());
    CHECK(whole(data, pdu(4, value(0, 100))));
    CHECK_FALSE(data.within_pdu());
    CHECK(data.within_message());
    CHECK(whole(data, pdu(4, value(2, 100))));
    CHECK_FALSE(data.within_message());
}

TEST_CASE("streams that are none, or more than is allowed, are refused", "[serve]") {
    const PduLimits limits{.association = 1000, .data = 2000, .command = 300, .data_set = 5000};
    Bytes huge{4, 0};
    append_length(huge, 0xFFFFFFFF);
    Bytes lying;  // a value that is longer than its PDU
    append_length(lying, 5000);
    lying.insert(lying.end(), {1, 3, 0, 0});
    const Bytes part = pdu(4, value(0, 1900));
    const std::vector<std::pair<Bytes, std::string>> rows{
        {{'G', 'E', 'T', ' ', '/', ' '}, "wanted a request for an association first"},
        {pdu(1, Bytes(1001)), "1001 bytes, 1000 are allowed"},
        {kRequest + kRequest, "a second request"},
        {kRequest + huge, "4294967295 bytes of data, 2000 were agreed"},
        {kRequest + pdu(2, Bytes(10)), "which no requestor sends"},
        {kRequest + pdu(99, {}), "which no requestor sends"},
        {kRequest + pdu(5, Bytes(5)), "4 are wanted"},
        {kRequest + pdu(7, {}), "4 are wanted"},
        {kRequest + pdu(4, lying), "longer than the PDU"},
        {kRequest + pdu(4, {0, 0, 0, 1, 1, 3}), "longer than the PDU"},
        {kRequest + pdu(4, {0, 0, 0, 9}), "ends within the head of a value"},
        {kRequest + pdu(4, value(1, 200)) + pdu(4, value(1, 200)), "a command of more than 300 bytes"},
        {kRequest + command(true) + part + part + part, "a data set of more than 5000 bytes"},
        {kRequest + part, "data came that no command announced"},
        {kRequest + command(false) + part, "data came that no command announced"},
        {kRequest + command(true) + part + command(false), "a command came within a data set"},
        {kRequest + pdu(4, value_of(3, element(4, 8))), "elements that are of none"},
        {kRequest + pdu(4, value_of(1, {0, 0, 2, 0, 0xFF, 0xFF, 0xFF, 0xFF})), "longer than commands are"},
        {kRequest + pdu(4, value_of(3, {0, 0, 2, 0, 9, 0, 0, 0, 1})), "ends within an element"},
        {kRequest + pdu(4, value_of(1, {0, 0, 2})) + pdu(4, value_of(3, {0, 9})), "ends within an element"},
    };
    for (const auto& [stream, why] : rows) {
        PduGuard guard(limits), slow(limits);
        CHECK_FALSE(guard.look(stream));
        CHECK_THAT(guard.why(), contains(why));
        bool passes = true;
        for (const std::uint8_t byte : stream) passes = slow.look({&byte, 1});
        CHECK_FALSE(passes);
        CHECK(slow.why() == guard.why());
        CHECK_FALSE(guard.look(kRelease));  // from then on
    }
    // Ends of messages begin the counts again.
    PduGuard guard(limits);
    CHECK(whole(guard, kRequest));
    for (int i = 0; i < 20; ++i) {
        CHECK(whole(guard, command(true)));
        CHECK(whole(guard, part + pdu(4, value(2, 1900))));
    }
}

TEST_CASE("a full node's answer is a rejection for now", "[serve]") {
    const std::string bytes = rejection_when_full();
    CHECK(Bytes(bytes.begin(), bytes.end()) == Bytes{3, 0, 0, 0, 0, 4, 0, 2, 3, 2});
}

}  // namespace keel::dicom_node::guard_tests
