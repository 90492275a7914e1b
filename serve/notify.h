// What a service manager wants to hear (sd_notify(3)): a datagram to the socket that it names.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace keel::serve {

/// Sends a state, "READY=1", to the socket of NOTIFY_SOCKET. Returns false where no manager asked, or the socket takes
/// nothing: that ends no service.
bool notify_manager(const std::string& state);

/// Returns how often the manager wants to hear "WATCHDOG=1", by WATCHDOG_USEC and WATCHDOG_PID; nothing where it does
/// not. Half of that is good.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace keel::serve
