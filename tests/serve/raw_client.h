// A client that sends what bytes it is told to, however little they are HTTP.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>

namespace keel::test {

/// Calls until no signal comes between: a fuzzer's alarm does, every some seconds.
template <class Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

class RawClient {
public:
    /// Connects to a server's URL of this machine, "http://127.0.0.1:PORT"; is_open() tells whether it could.
    explicit RawClient(const std::string& url) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        int port = 0;
        const std::string digits = url.substr(url.rfind(':') + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), port);
        address.sin_port = ::htons(static_cast<std::uint16_t>(port));
        const auto connect = [&] {
            return ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        };
        if (uninterrupted(connect) != 0) close();
    }
    ~RawClient() { close(); }
    RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)), held_(std::move(other.held_)) {}
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    RawClient& operator=(RawClient&&) = delete;

    bool is_open() const { return socket_ >= 0; }
    /// Sends all of it; false where the server takes no more.
    bool send(const std::string& bytes) const {
        for (std::size_t sent = 0; sent < bytes.size();) {
            const ssize_t n =
                uninterrupted([&] { return ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL); });
            if (n <= 0) return false;
            sent += static_cast<std::size_t>(n);
        }
        return true;
    }
    void end_sending() const { ::shutdown(socket_, SHUT_WR); }
    void close() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }
    /// Ends the connection as one that broke.
    void reset() {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close();
    }

    /// Reads an answer to its end by its Content-Length, its fields and body as they came; what came by then where the
    /// server ends, or says nothing for `patience`.
    std::string answer(bool head_only = false, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
        for (;;) {
            const std::size_t fields = held_.find("\r\n\r\n");
            if (fields != std::string::npos) {
                const std::size_t at = held_.find("\r\nContent-Length: ");
                std::size_t length = 0;
                if (!head_only && at < fields) std::from_chars(&held_[at + 18], held_.data() + fields, length);
                if (held_.size() >= fields + 4 + length) {
                    std::string first = held_.substr(0, fields + 4 + length);
                    held_.erase(0, first.size());
                    return first;
                }
            }
            if (!read(patience)) return std::exchange(held_, {});
        }
    }
    /// Returns whether the server ends the connection within `patience`; what it says before is left aside.
    bool ends(std::chrono::milliseconds patience = std::chrono::seconds(30)) {
        while (read(patience))
            ;
        return ended_;
    }

private:
    bool read(std::chrono::milliseconds patience) {
        pollfd waits{socket_, POLLIN, 0};
        if (uninterrupted([&] { return ::poll(&waits, 1, static_cast<int>(patience.count())); }) <= 0) return false;
        std::array<char, 65536> bytes;
        const ssize_t n = uninterrupted([&] { return ::recv(socket_, bytes.data(), bytes.size(), 0); });
        ended_ = n <= 0;
        if (n > 0) held_.append(bytes.data(), static_cast<std::size_t>(n));
        return n > 0;
    }

    int socket_;
    std::string held_;
    bool ended_ = false;
};

/// "200" of an answer; empty where there is none.
inline std::string status_of(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? answer.substr(9, 3) : "";
}

inline std::string body_of(const std::string& answer) {
    const std::size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
}

inline std::string get_request(const std::string& path, const std::string& fields = {}) {
    return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

inline std::string post_request(const std::string& path, const std::string& body, const std::string& fields = {}) {
    return "POST " + path + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           fields + "\r\n" + body;
}

/// One request over a connection of its own.
inline std::string asked(const std::string& url, const std::string& request) {
    RawClient client(url);
    client.send(request);
    return client.answer();
}

}  // namespace keel::test
