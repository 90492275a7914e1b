#include "serve/http/tcp_transport.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

namespace keel::serve {

namespace net = boost::asio;

TcpTransport::TcpTransport(net::ip::tcp::socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {}

void TcpTransport::read_some(std::span<char> bytes, Resume then) {
    socket_.async_read_some(net::buffer(bytes.data(), bytes.size()), std::move(then));
}

void TcpTransport::write_some(std::string_view head, std::string_view body, Resume then) {
    const std::array<net::const_buffer, 2> bytes{net::buffer(head), net::buffer(body)};
    socket_.async_write_some(bytes, std::move(then));
}

void TcpTransport::finish(Resume then) {
    constexpr std::size_t kMost = 4 << 20, kAtOnce = 64 << 10;
    Error ignored;
    socket_.shutdown(net::socket_base::shutdown_send, ignored);
    rest_.resize(kAtOnce);
    take_rest(std::move(then), kMost);
}

void TcpTransport::take_rest(Resume then, std::size_t most) {
    auto on_read = [this, then = std::move(then), most](const Error& error, std::size_t bytes) {
        error || bytes > most ? then(error) : take_rest(then, most - bytes);
    };
    socket_.async_read_some(net::buffer(rest_), std::move(on_read));
}

void TcpTransport::expires_at(Time time) {
    deadline_ = time;
    if (deadline_ < awaited_) wait_for_deadline();
}

void TcpTransport::wait_for_deadline() {
    awaited_ = deadline_;
    timer_.expires_at(awaited_);  // which ends an earlier wait
    timer_.async_wait([weak = weak_from_this()](const Error& error) {
        const auto self = weak.lock();
        if (self && !error) self->on_time();
    });
}

void TcpTransport::on_time() {
    awaited_ = Time::max();
    if (!socket_.is_open() || deadline_ == Time::max()) return;
    std::chrono::steady_clock::now() < deadline_ ? wait_for_deadline() : close();
}

void TcpTransport::wait_for_peer(Resume then) { socket_.async_wait(net::socket_base::wait_read, std::move(then)); }

Peer TcpTransport::look_at_peer() {
    char byte = 0;
    const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return Peer::sent_bytes;
    if (got == 0) return Peer::ended_its_side;
    return errno == EAGAIN || errno == EINTR ? Peer::silent : Peer::broke;
}

void TcpTransport::close() {
    Error ignored;
    socket_.close(ignored);
    deadline_ = awaited_ = Time::max();
    timer_.cancel();
}

void TcpTransport::post(std::function<void()> work) { net::post(socket_.get_executor(), std::move(work)); }

}  // namespace keel::serve
