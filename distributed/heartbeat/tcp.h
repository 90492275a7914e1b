// TCP as the heartbeat needs it: nothing here ever waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/descriptor.h"

namespace keel::tcp {

struct Listener {
    Descriptor socket;
    std::uint16_t port = 0;
};

/// Listens on a free port of all of this host's addresses. Throws IoError.
Listener listen(int backlog);

/// A connection that waits at the listener; none is there: an empty one.
Descriptor accept(const Descriptor& listener);

/// Begins to connect to a numeric address (IPv4 or IPv6); an empty one where that fails at once. poll() for writing
/// tells when it is done, the first send() whether it worked.
Descriptor connect(const std::string& address, std::uint16_t port);

/// This host's addresses, those for the host alone last.
std::vector<std::string> own_addresses();

std::string host_name();

/// Bytes sent or received: 0 where the other side or the buffer is not ready, -1 where the connection is over.
std::ptrdiff_t send(const Descriptor& socket, std::span<const std::uint8_t> bytes);
std::ptrdiff_t receive(const Descriptor& socket, std::span<std::uint8_t> bytes);

/// No more will be sent; what was sent still arrives.
void shut_down(const Descriptor& socket);

}  // namespace keel::tcp
