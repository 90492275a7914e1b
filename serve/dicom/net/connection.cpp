#include "serve/dicom/net/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace keel::dicom_node {
namespace {

constexpr std::chrono::milliseconds kLookEvery(100);  // whether the node stops

/// Whether something can be done with a socket before `until`.
bool wait_for(int socket, short events, std::chrono::steady_clock::time_point until) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd wait{socket, events, 0};
        const int ready = ::poll(&wait, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30)));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

}  // namespace

ssize_t read_until(int socket, void* dst, std::size_t size, std::chrono::steady_clock::time_point until) {
    for (;;) {
        if (!wait_for(socket, POLLIN, until)) {
            errno = ETIMEDOUT;
            return -1;
        }
        const ssize_t got = ::recv(socket, dst, size, MSG_DONTWAIT);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
    }
}

GuardedConnection::GuardedConnection(Descriptor socket, std::shared_ptr<ConnectionState> state)
    : DcmTransportConnection(socket.get()), socket_(std::move(socket)), state_(std::move(state)) {}

GuardedConnection::~GuardedConnection() { close(); }

void GuardedConnection::close() {
    socket_ = Descriptor();
    setSocket(-1);
}

ssize_t GuardedConnection::fail(const std::string& why) {
    if (state_->fault.empty()) state_->fault = why;
    if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
    errno = EPIPE;
    return -1;
}

GuardedConnection::Clock::time_point GuardedConnection::deadline() {
    const auto now = Clock::now();
    const PduGuard& guard = state_->guard;
    if (guard.within_pdu() && !in_pdu_) pdu_began_ = now;
    if (guard.within_message() && !in_message_) message_began_ = now;
    in_pdu_ = guard.within_pdu();
    in_message_ = guard.within_message();
    auto until = now + (in_message_ ? state_->times.pdu : state_->times.idle);
    if (in_pdu_) until = std::min(until, pdu_began_ + state_->times.pdu);
    if (in_message_) until = std::min(until, message_began_ + state_->times.message);
    return until;
}

ssize_t GuardedConnection::read(void* dst, size_t size) {
    if (!socket_) return fail("the connection is closed");
    if (!state_->read_ahead.empty()) {  // which the guard has seen
        const std::size_t taken = std::min(size, state_->read_ahead.size());
        std::copy_n(state_->read_ahead.begin(), taken, static_cast<std::uint8_t*>(dst));
        state_->read_ahead.erase(state_->read_ahead.begin(),
                                 state_->read_ahead.begin() + static_cast<std::ptrdiff_t>(taken));
        return static_cast<ssize_t>(taken);
    }
    const ssize_t got = read_until(socket_.get(), dst, size, deadline());
    if (got < 0) return fail(errno == ETIMEDOUT ? "nothing came for too long" : "the connection broke");
    if (state_->guarded && !state_->guard.look({static_cast<const std::uint8_t*>(dst), static_cast<std::size_t>(got)}))
        return fail(state_->guard.why());
    return got;
}

ssize_t GuardedConnection::write(void* src, size_t size) {
    if (!socket_) return fail("the connection is closed");
    // All of it: DCMTK takes a part for an error.
    const auto* at = static_cast<const std::uint8_t*>(src);
    const auto until = Clock::now() + state_->times.pdu;
    for (std::size_t left = size; left > 0;) {
        if (!wait_for(socket_.get(), POLLOUT, until)) return fail("the peer takes nothing");
        const ssize_t sent = ::send(socket_.get(), at, left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EINTR && errno != EAGAIN) return fail("the connection broke");
        at += std::max<ssize_t>(sent, 0);
        left -= static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    }
    return static_cast<ssize_t>(size);
}

OFBool GuardedConnection::networkDataAvailable(int seconds) {
    if (!socket_) return OFFalse;
    if (!state_->read_ahead.empty()) return OFTrue;
    // DCMTK waits again after each part of a PDU, which would give a peer that drips as long as it likes.
    const auto until = std::min(deadline(), Clock::now() + std::chrono::seconds(std::max(0, seconds)));
    do {
        if (wait_for(socket_.get(), POLLIN, std::min(until, Clock::now() + kLookEvery))) return OFTrue;
        if (!state_->guard.within_message() && state_->stopping && state_->stopping()) {
            fail("this node stops");
            return OFFalse;
        }
    } while (Clock::now() < until);
    if (seconds > 0) fail("nothing came for too long");
    return OFFalse;
}

DcmTransportConnection* GuardedLayer::createConnection(DcmNativeSocketType number, OFBool) {
    Descriptor own = socket ? std::move(socket) : Descriptor(number);
    if (opened) opened(Descriptor(::fcntl(own.get(), F_DUPFD_CLOEXEC, 0)));
    return new GuardedConnection(std::move(own), state_);
}

}  // namespace keel::dicom_node
