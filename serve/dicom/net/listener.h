// Takes connections, each served by a thread of its own, a bounded number of them.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/descriptor.h"

namespace keel::dicom_node {

class Listener {
public:
    using Session = std::function<void(Descriptor socket, const std::string& from)>;
    /// Listens at once; port 0: any that is free. `session` serves a connection of the address `from` and does not
    /// throw; `full` is written to those that come while `most` are served, which are closed then. Throws IoError where
    /// the address cannot be listened at.
    Listener(const std::string& host, int port, int most, std::string full, Session session);
    /// Stops at once.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int port() const { return port_; }
    /// Returns how many connections are served now.
    int sessions() const;
    /// Takes no more connections, waits for those that are served, and after `grace` ends them.
    void stop(std::chrono::milliseconds grace);

private:
    struct Running {
        Descriptor socket;  ///< a second descriptor of the connection, to shut it down by
        std::thread thread;
        std::atomic<bool> done = false;
    };
    void accept_loop();
    void begin_session(Descriptor socket, const std::string& from);
    void join_finished();

    Descriptor socket_, wake_read_, wake_write_;
    int port_ = 0;
    const int most_;
    const std::string full_;
    const Session session_;
    mutable std::mutex mutex_;  // guards:
    std::list<std::unique_ptr<Running>> running_;
    std::thread thread_;
};

}  // namespace keel::dicom_node
