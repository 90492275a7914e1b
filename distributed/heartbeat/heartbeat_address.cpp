#include "distributed/heartbeat/heartbeat_address.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>

#include "kernels/error.h"

namespace keel {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMostAddresses = 32;

std::vector<std::string> split(const std::string& text, char mark) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t to = std::min(text.find(mark, from), text.size());
        parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

std::string hex(const Token& token) { return fmt::format("{:02x}", fmt::join(token, "")); }

std::optional<Token> unhex(const std::string& text) {
    Token token{};
    if (text.size() != 2 * token.size()) return std::nullopt;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const char* from = text.data() + 2 * i;
        if (std::from_chars(from, from + 2, token[i], 16).ptr != from + 2) return std::nullopt;
    }
    return token;
}

/// One round: all addresses at once, the first that answers wins; none within `seconds`, or when all have refused.
FrameStream try_all(const HubAddress& hub, int rank, Clock::time_point until) {
    std::vector<FrameStream> attempts;
    for (const std::string& address : hub.addresses)
        if (Descriptor socket = tcp::connect(address, hub.port)) {
            attempts.emplace_back(std::move(socket));
            attempts.back().send({.kind = FrameKind::hello, .rank = rank, .token = hub.hello});
        }
    while (!attempts.empty() && Clock::now() < until) {
        std::vector<pollfd> sockets;
        for (const FrameStream& attempt : attempts)
            sockets.push_back(
                {attempt.descriptor(), static_cast<short>(POLLIN | (attempt.flushed() ? 0 : POLLOUT)), 0});
        static_cast<void>(::poll(sockets.data(), sockets.size(), 50));
        for (FrameStream& attempt : attempts) {
            attempt.flush();
            const std::optional<Frame> answer = attempt.receive();
            if (!answer) continue;
            if (answer->kind == FrameKind::welcome && answer->token == hub.welcome) return std::move(attempt);
            attempt.close();
        }
        std::erase_if(attempts, [](const FrameStream& attempt) { return !attempt.open(); });
    }
    return {};
}

}  // namespace

std::string to_text(const HubAddress& hub) {
    return fmt::format("{}|{}|{}|{}|{}", hub.host, hub.port, hex(hub.hello), hex(hub.welcome),
                       fmt::join(hub.addresses, ","));
}

HubAddress hub_of(const std::string& text, int rank) {
    const std::vector<std::string> parts = split(text, '|');
    HubAddress hub;
    const auto fail = [&] {
        throw IoError(
            fmt::format("[heartbeat] wanted host|port|token|token|addresses of rank {}, got '{}'", rank, text));
    };
    if (parts.size() != 5) fail();
    hub.host = parts[0];
    const auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), hub.port);
    const std::optional<Token> hello = unhex(parts[2]), welcome = unhex(parts[3]);
    if (error != std::errc() || end != parts[1].data() + parts[1].size() || hub.port == 0 || !hello || !welcome ||
        parts[4].empty())
        fail();
    hub.hello = *hello;
    hub.welcome = *welcome;
    hub.addresses = split(parts[4], ',');
    if (hub.addresses.size() > kMostAddresses) hub.addresses.resize(kMostAddresses);
    return hub;
}

std::string host_of(const std::string& text) { return text.substr(0, text.find('|')); }

void draw_tokens(HubAddress& hub) {
    for (Token* token : {&hub.hello, &hub.welcome})
        if (::getrandom(token->data(), token->size(), 0) != static_cast<ssize_t>(token->size()))
            throw IoError("[heartbeat] the system gave no random bytes");
}

FrameStream reach(const HubAddress& hub, int parent, int rank, double seconds) {
    const auto until =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    while (Clock::now() < until) {
        if (FrameStream stream = try_all(hub, rank, until); stream.open()) return stream;
        std::this_thread::sleep_for(milliseconds(100));
    }
    throw IoError(
        fmt::format("[heartbeat] rank {} cannot reach rank {} on {} within {} s (port {} of {}): is there a firewall?",
                    rank, parent, hub.host, seconds, hub.port, fmt::join(hub.addresses, ", ")));
}

}  // namespace keel
