// Constants once on each memory node that the team sits on, so that no thread reads them across sockets: the packed
// weights of inference. Copies lie a fixed distance apart, in lanes of addresses, one for each node. Whoever holds the
// address of a constant has that of its first copy; a kernel asks near_copy() for the nearest one at the beginning of a
// part. All copies are the same, so whichever is read, and wherever threads move, results are. On a team of one node
// there are no copies.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace keel::kernels {

/// Copies [from, from + bytes) to the nodes of team_nodes(), each written by a thread of its node. Returns the first
/// copy, aligned to 64; null where the team sits on one node, or no room is left: then what is there serves all.
std::byte* make_copies(const std::byte* from, std::size_t bytes);

/// Makes the other copies like the first one, which was changed. Not while another thread reads them.
void renew_copies(const std::byte* first, std::size_t bytes);

/// Gives back what make_copies() returned.
void drop_copies(std::byte* first, std::size_t bytes);

/// The memory of all copies of a node, in the order of the first ones; empty where it has none. For tests.
std::span<std::byte> copies_on(int node);

namespace replicas {

inline constexpr std::size_t kLaneBytes = std::size_t{16} << 30;

/// Where the first lane begins; without lanes an address that no pointer follows within one.
inline constinit std::atomic<std::uintptr_t> first_lane{std::uintptr_t{1} << 63U};

/// The distance from the first lane to that of the processor which the calling thread is on.
std::size_t distance();

}  // namespace replicas

/// Returns the address of that copy of a constant which is nearest to the calling thread; p itself where it has none.
template <class T>
const T* near_copy(const T* p) {
    const auto at = reinterpret_cast<std::uintptr_t>(p);
    if (at - replicas::first_lane.load(std::memory_order_relaxed) >= replicas::kLaneBytes) return p;
    return reinterpret_cast<const T*>(at + replicas::distance());
}

}  // namespace keel::kernels
