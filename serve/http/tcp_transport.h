// TCP under a connection, alone or below TLS.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "serve/http/transport.h"

namespace keel::serve {

class TcpTransport : public Transport, public std::enable_shared_from_this<TcpTransport> {
public:
    /// Takes a socket that was accepted, whose executor is a strand.
    explicit TcpTransport(boost::asio::ip::tcp::socket socket);

    bool is_secure() const override { return false; }
    void handshake(Resume then) override { then({}); }
    void read_some(std::span<char> bytes, Resume then) override;
    void write_some(std::string_view head, std::string_view body, Resume then) override;
    /// Also takes what the client still sends for a while: a socket that is closed with unread bytes is reset, and the
    /// answer may be lost with it.
    void finish(Resume then) override;

    void expires_at(Time time) final;
    void wait_for_peer(Resume then) final;
    Peer look_at_peer() final;
    void close() final;
    void post(std::function<void()> work) final;

protected:
    boost::asio::ip::tcp::socket socket_;

private:
    void wait_for_deadline();
    void on_time();
    void take_rest(Resume then, std::size_t most);

    // The timer is not set again with each deadline: one that is later than what it waits for is seen when it fires.
    boost::asio::steady_timer timer_;
    Time deadline_ = Time::max(), awaited_ = Time::max();
    std::vector<char> rest_;
};

}  // namespace keel::serve
