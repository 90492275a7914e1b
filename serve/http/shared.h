// What all connections of one server share. Of serve/http/ alone, as are the libraries below it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "serve/http/http_server.h"

namespace keel::serve {

/// A connection, whatever it runs over.
class Connection {
public:
    virtual ~Connection() = default;
    /// Ends it unless a request is under way. From any thread.
    virtual void end_if_idle() = 0;
};

struct Shared {
    Shared(const HttpLimits& of, HttpHandler& by) : limits(of), handler(by) {}

    const HttpLimits limits;
    HttpHandler& handler;
    std::atomic<bool> draining{false};
    std::atomic<std::int64_t> body_bytes{0};  ///< of all bodies that are held

    std::mutex mutex;  // guards:
    std::map<const Connection*, std::shared_ptr<Connection>> connections;
    std::int64_t busy = 0;  ///< requests without an answer
    std::condition_variable changed;

    void enlist(std::shared_ptr<Connection> connection) {
        const std::lock_guard lock(mutex);
        const Connection* const key = connection.get();
        connections.emplace(key, std::move(connection));
    }
    void forget(const Connection* connection) {
        std::shared_ptr<Connection> last;  // is destroyed without the lock
        const std::lock_guard lock(mutex);
        const auto found = connections.find(connection);
        if (found == connections.end()) return;
        last = std::move(found->second);
        connections.erase(found);
    }
    void count_busy(std::int64_t more) {
        {
            const std::lock_guard lock(mutex);
            busy += more;
        }
        changed.notify_all();
    }
};

/// A body as it grows: never larger than what came, whatever length was promised.
class HeldBody {
public:
    explicit HeldBody(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    ~HeldBody() { shared_->body_bytes -= static_cast<std::int64_t>(bytes.size()); }
    HeldBody(const HeldBody&) = delete;
    HeldBody& operator=(const HeldBody&) = delete;

    /// Makes room for the first bytes of a body that is said to have `length`.
    void expect(std::uint64_t length) {
        constexpr std::uint64_t kAtFirst = 1 << 20;
        bytes.reserve(static_cast<std::size_t>(length < kAtFirst ? length : kAtFirst));
    }
    /// Adds bytes; false where the server holds too many already.
    bool add(const void* data, std::size_t size) {
        const auto count = static_cast<std::int64_t>(size);
        if ((shared_->body_bytes += count) > shared_->limits.all_bodies) {
            shared_->body_bytes -= count;
            return false;
        }
        bytes.append(static_cast<const char*>(data), size);
        return true;
    }

    std::string bytes;

private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace keel::serve
