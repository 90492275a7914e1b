// The bytes of one connection, whatever they run over. All of it is called, and calls back, on the connection's strand.
#pragma once

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace keel::serve {

class Session;

/// Where a session goes on when its transport has done something; it keeps the session until then. What a library asks
/// of a handler, of one type for all of them: a pointer and a member's address, for which nothing is allocated.
class Resume {
public:
    using Step = void (Session::*)(const boost::system::error_code& error, std::size_t bytes);

    Resume(std::shared_ptr<Session> session, Step step) : session_(std::move(session)), step_(step) {}
    void operator()(const boost::system::error_code& error, std::size_t bytes = 0) const;

private:
    std::shared_ptr<Session> session_;
    Step step_;
};

/// What is known of the client while it waits for an answer.
enum class Peer { silent, sent_bytes, ended_its_side, broke };

class Transport {
public:
    using Error = boost::system::error_code;
    using Time = std::chrono::steady_clock::time_point;

    virtual ~Transport() = default;

    /// Whether nothing can be said before the handshake.
    virtual bool is_secure() const = 0;
    /// Agrees with the client on how bytes travel, where that is needed.
    virtual void handshake(Resume then) = 0;
    /// Reads at least a byte.
    virtual void read_some(std::span<char> bytes, Resume then) = 0;
    /// Writes at least a byte of `head` and then `body`, which stay where they are until it has.
    virtual void write_some(std::string_view head, std::string_view body, Resume then) = 0;
    /// Says that no more is written, in such a way that what was written arrives.
    virtual void finish(Resume then) = 0;

    /// Closes the connection at a time, so that what is under way then fails; instead of an earlier call's.
    virtual void expires_at(Time time) = 0;
    void expires_after(std::chrono::nanoseconds time) { expires_at(std::chrono::steady_clock::now() + time); }
    void expires_never() { expires_at(Time::max()); }

    /// Waits until the client sends something or goes.
    virtual void wait_for_peer(Resume then) = 0;
    /// Looks what it is, and takes nothing.
    virtual Peer look_at_peer() = 0;
    /// Closes the connection: what is under way fails.
    virtual void close() = 0;

    /// Runs `work` on the strand. From any thread.
    virtual void post(std::function<void()> work) = 0;
};

}  // namespace keel::serve
