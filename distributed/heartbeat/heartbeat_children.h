// The ranks that talk to one: their connections, and what is noticed of them without their saying so.
#pragma once

#include <poll.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "distributed/heartbeat/frame_stream.h"
#include "distributed/heartbeat/heartbeat_address.h"

namespace keel {

/// Adds what poll() is to wait for on this connection.
void add_socket(std::vector<pollfd>& list, const FrameStream& stream);
/// Says no more and forgets what comes; true when the other side has closed.
bool drain(FrameStream& stream);

/// Each does a turn of work whenever something came, and never waits.
class HeartbeatChildren {
public:
    struct Child {
        int rank = 0;
        std::string host = {};
        FrameStream stream = {};
        bool connected = false, closed = false;
        double heard = 0;  ///< when, in seconds
    };
    using Take = std::function<void(const Child&, const Frame&)>;

    HeartbeatChildren() = default;
    HeartbeatChildren(std::vector<Child> children, Descriptor listener, const HubAddress& address);

    /// Lets those in that know the word; the port is closed once all are there. `last_words` is what they hear at once.
    void admit(double now, std::span<const Frame> last_words);
    /// Gives `take` what they say.
    void listen(double now, const Take& take);
    void tell(const Frame& frame);
    void tell(std::span<const Frame> frames);
    /// Tells them that this rank lives, where that does not pile up in front of one that does not read.
    void beat(const Frame& frame);
    void forgive(double now);
    void add_sockets(std::vector<pollfd>& list) const;
    /// Makes sure that the last words arrive: true when all have closed.
    bool part(double now, std::span<const Frame> last_words);
    const std::vector<Child>& all() const { return children_; }

private:
    struct Newcomer {
        FrameStream stream;
        double since;
    };

    Descriptor listener_;
    HubAddress address_;
    std::vector<Child> children_;
    std::vector<Newcomer> newcomers_;
};

}  // namespace keel
