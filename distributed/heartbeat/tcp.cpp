#include "distributed/heartbeat/tcp.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "kernels/error.h"

namespace keel::tcp {
namespace {

constexpr int kKind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

[[noreturn]] void fail(const char* call) {
    throw IoError(std::string("[heartbeat] ") + call + ": " + std::generic_category().message(errno));
}

/// Frames are small and each counts at once.
void send_at_once(int socket) {
    const int on = 1;
    static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

bool would_wait() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == EINPROGRESS || errno == ENOTCONN;
}

sockaddr* generic(auto& address) { return reinterpret_cast<sockaddr*>(&address); }

}  // namespace

Listener listen(int backlog) {
    // Both kinds of addresses at once, where the system has IPv6.
    sockaddr_in6 any6{};
    any6.sin6_family = AF_INET6;
    any6.sin6_addr = in6addr_any;
    sockaddr_in any4{};
    any4.sin_family = AF_INET;
    any4.sin_addr.s_addr = htonl(INADDR_ANY);

    const int off = 0;
    Listener listener{Descriptor(::socket(AF_INET6, kKind, 0))};
    bool bound = listener.socket &&
                 ::setsockopt(listener.socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
                 ::bind(listener.socket.get(), generic(any6), sizeof any6) == 0;
    if (!bound) {
        listener.socket = Descriptor(::socket(AF_INET, kKind, 0));
        if (!listener.socket) fail("socket");
        if (::bind(listener.socket.get(), generic(any4), sizeof any4) != 0) fail("bind");
    }
    if (::listen(listener.socket.get(), backlog) != 0) fail("listen");
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    if (::getsockname(listener.socket.get(), generic(own), &size) != 0) fail("getsockname");
    // The port is at the same place in both kinds.
    listener.port = ntohs(reinterpret_cast<const sockaddr_in&>(own).sin_port);
    return listener;
}

Descriptor accept(const Descriptor& listener) {
    Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) send_at_once(socket.get());
    return socket;
}

Descriptor connect(const std::string& address, std::uint16_t port) {
    sockaddr_in to4{};
    sockaddr_in6 to6{};
    to4.sin_family = AF_INET;
    to6.sin6_family = AF_INET6;
    to4.sin_port = to6.sin6_port = htons(port);
    const bool is4 = ::inet_pton(AF_INET, address.c_str(), &to4.sin_addr) == 1;
    if (!is4 && ::inet_pton(AF_INET6, address.c_str(), &to6.sin6_addr) != 1) return {};
    Descriptor socket(::socket(is4 ? AF_INET : AF_INET6, kKind, 0));
    if (!socket) return {};
    send_at_once(socket.get());
    const int result =
        is4 ? ::connect(socket.get(), generic(to4), sizeof to4) : ::connect(socket.get(), generic(to6), sizeof to6);
    return result == 0 || errno == EINPROGRESS ? std::move(socket) : Descriptor();
}

std::vector<std::string> own_addresses() {
    std::vector<std::string> outside, inside;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {"127.0.0.1"};
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
        std::array<char, INET6_ADDRSTRLEN> text{};
        const int family = entry->ifa_addr->sa_family;
        if (family == AF_INET) {
            ::inet_ntop(family, &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr, text.data(),
                        text.size());
        } else if (family == AF_INET6) {
            const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
            if (IN6_IS_ADDR_LINKLOCAL(&address)) continue;  // means nothing on another host
            ::inet_ntop(family, &address, text.data(), text.size());
        }
        if (text[0] != 0) ((entry->ifa_flags & IFF_LOOPBACK) != 0 ? inside : outside).emplace_back(text.data());
    }
    ::freeifaddrs(list);
    outside.insert(outside.end(), inside.begin(), inside.end());
    return outside;
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
    // It stands between spaces and bars in what ranks tell each other.
    std::string text(name.data());
    std::ranges::replace_if(
        text, [](char c) { return c <= ' ' || c == '|' || c == ','; }, '_');
    return text.empty() ? "unknown" : text;
}

std::ptrdiff_t send(const Descriptor& socket, std::span<const std::uint8_t> bytes) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 ? sent : would_wait() ? 0 : -1;
}

std::ptrdiff_t receive(const Descriptor& socket, std::span<std::uint8_t> bytes) {
    const ssize_t got = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return got > 0 ? got : got == 0 ? -1 : would_wait() ? 0 : -1;
}

void shut_down(const Descriptor& socket) { static_cast<void>(::shutdown(socket.get(), SHUT_WR)); }

}  // namespace keel::tcp
