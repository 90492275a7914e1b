// A peer of the DICOM node: bytes over TCP to the side that is called. The first byte says whether a request for an
// association that is in order goes before the others.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "serve/dicom/net/network.h"
#include "tests/fuzz/target.h"

using namespace keel;
using namespace keel::dicom_node;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Both ends of a connection over the loopback device.
struct Connection {
    Connection() {
        static const Descriptor listening = [] {
            Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            sockaddr_in any{};
            any.sin_family = AF_INET;
            any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            fuzz::require(::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0, "bind");
            fuzz::require(::listen(socket.get(), 8) == 0, "listen");
            return socket;
        }();
        sockaddr_in address{};
        socklen_t size = sizeof address;
        ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size);
        peer = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        // Ended by a reset: thousands of connections a second would run out of ports that wait for late packets.
        const linger reset{1, 0};
        ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        fuzz::require(::connect(peer.get(), reinterpret_cast<sockaddr*>(&address), size) == 0, "connect");
        node = Descriptor(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        fuzz::require(static_cast<bool>(node), "accept");
    }
    Descriptor peer, node;
};

void append(Bytes& dst, const std::string& text) { dst.insert(dst.end(), text.begin(), text.end()); }

void append_part(Bytes& dst, std::uint8_t type, const Bytes& body) {
    dst.insert(dst.end(),
               {type, 0, static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())});
    dst.insert(dst.end(), body.begin(), body.end());
}

/// Proposes C-ECHO as context 1 and CR as context 3, implicit little endian.
Bytes request() {
    Bytes body;
    append(body, std::string("\0\1\0\0", 4) + "KEEL            FUZZ            " + std::string(32, '\0'));
    const auto part = [](std::uint8_t type, const std::string& text) {
        Bytes item;
        append_part(item, type, Bytes(text.begin(), text.end()));
        return item;
    };
    const Bytes application = part(0x10, "1.2.840.10008.3.1.1.1");
    body.insert(body.end(), application.begin(), application.end());
    for (const auto& [id, uid] : {std::pair(1, "1.2.840.10008.1.1"), {3, "1.2.840.10008.5.1.4.1.1.1"}}) {
        Bytes context{static_cast<std::uint8_t>(id), 0, 0, 0};
        const Bytes abstract = part(0x30, uid), transfer = part(0x40, "1.2.840.10008.1.2");
        context.insert(context.end(), abstract.begin(), abstract.end());
        context.insert(context.end(), transfer.begin(), transfer.end());
        append_part(body, 0x20, context);
    }
    Bytes user;
    append_part(user, 0x51, {0, 0, 0x40, 0});
    append_part(user, 0x52, {'1', '.', '2'});
    append_part(body, 0x50, user);
    Bytes all;
    append(all, std::string("\1\0\0\0", 4));
    all.push_back(static_cast<std::uint8_t>(body.size() >> 8));
    all.push_back(static_cast<std::uint8_t>(body.size()));
    all.insert(all.end(), body.begin(), body.end());
    return all;
}

struct CountingSink final : ObjectSink {
    explicit CountingSink(std::size_t most) : left(most) {}
    void write(std::span<const std::uint8_t> bytes) override {
        if (bytes.size() > left) throw IoError("no room");  // as a full disk does
        left -= bytes.size();
    }
    StoreOutcome finish() override { return {StoreOutcome::Kind::unreadable, "none"}; }
    std::size_t left;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 60'000 || !has_network()) return 0;  // what a socket holds without a reader
    prepare_network();
    Connection connection;
    Bytes sent = data[0] % 2 != 0 ? request() : Bytes();
    sent.insert(sent.end(), data + 1, data + size);
    fuzz::require(
        ::send(connection.peer.get(), sent.data(), sent.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(sent.size()),
        "send");
    ::shutdown(connection.peer.get(), SHUT_WR);
    AcceptOptions options;
    options.title = "KEEL";
    options.classes = {"1.2.840.10008.5.1.4.1.1.1"};
    options.syntaxes = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"};
    serve_association(
        std::move(connection.node), options,
        [](const StoreRequest& asked) -> std::unique_ptr<ObjectSink> {
            fuzz::require(asked.sop_class.size() <= 64 && asked.sop_instance.size() <= 64, "an overlong UID");
            return std::make_unique<CountingSink>(1000);
        },
        [](const std::string& what) { fuzz::require(!what.empty(), "nothing was said"); });
    return 0;
}
