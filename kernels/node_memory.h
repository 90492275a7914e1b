// Memory of a machine with several nodes, for a team that sits on more than one of them. What a thread touches first
// lies on its own node; what many threads share, and nobody can say whose it will be, lies on all of them in turn.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace keel {

/// The nodes whose memory the team's threads are near (thread_nodes() of kernels/topology.h), each once, that of the
/// first thread first. A machine of one node is asked nothing more.
std::vector<int> team_nodes();

/// Runs body() on a thread of its own that is bound to the processors near that node's memory, so that pages it touches
/// first are there; on the calling thread where the system starts none. body() throws nothing.
void run_on_node(int node, const std::function<void()>& body);

/// Asks that pages which nobody touched yet lie on the nodes in turn. They are whole, of any size. False where the
/// system has no such nodes or refuses, as containers without CAP_SYS_NICE do: then they lie where they are touched
/// first.
bool interleave_pages(void* begin, std::size_t bytes, const std::vector<int>& nodes);

/// The nodes as bits, which is how the system is told them. A pure function.
std::vector<unsigned long> node_bits(const std::vector<int>& nodes);

}  // namespace keel
