// Who writes to a run: what a lease's file says, told apart across machines and containers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace keel {

/// A process that took a lease. What could not be found out is empty or 0.
struct LeaseHolder {
    std::string token;  ///< drawn for this lease alone
    std::string host;
    std::string boot;           ///< of the kernel, drawn at its start: the same in all containers of a machine
    std::string pid_namespace;  ///< the container, as far as process ids are concerned
    std::int64_t process = 0;
    std::int64_t process_start = 0;  ///< in the kernel's ticks: process ids are used again
    std::string job;                 ///< of a batch system
    bool locked = false;             ///< it locked the folder, too, which is seen on its own machine for certain
    std::string since, renewed;      ///< UTC, by its own clock: for people
    std::int64_t renewals = 0;

    bool operator==(const LeaseHolder&) const = default;
};

/// Bytes of a lease's file: always as many, so that it can be renewed in place.
constexpr std::size_t kLeaseBytes = 1024;

/// Returns this process with a token of its own; the process is looked up below `proc`.
LeaseHolder make_holder(const std::filesystem::path& proc = "/proc");

/// Returns the contents of a lease's file: one JSON object in kLeaseBytes.
std::string lease_text(const LeaseHolder& holder);

/// Returns who a file's contents name; none where they are no lease, as while somebody writes it. The file may be
/// anybody's.
std::optional<LeaseHolder> read_lease_text(std::string_view text);

/// "process 7 on node1 (job 12), since 2026-11-30 10:00:00 UTC".
std::string name_of(const LeaseHolder& holder);

/// What `me` can tell of a holder without waiting for a sign of life.
enum class HolderState : std::uint8_t {
    lives,   ///< its process is there
    ended,   ///< it is gone
    unknown  ///< on another machine, in another container
};

/// `lock_proves`: `me` has the folder's lock, on a file system whose locks all of this machine see.
HolderState state_of(const LeaseHolder& holder, const LeaseHolder& me, bool lock_proves,
                     const std::filesystem::path& proc = "/proc");

/// Returns the time now as files have it.
std::string utc_now();

}  // namespace keel
