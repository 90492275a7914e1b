// The processors of a program that is no rank of a run: of others' runs it knows what they claim and what the kernel
// counts.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/topology.h"

namespace keel::cli {

/// --bind: where threads stay on processors of their own.
inline const std::vector<std::string_view> kBinds{"auto", "always", "never"};

/// Returns those processors whose cores have none that is taken.
std::vector<Cpu> free_cpus(const std::vector<Cpu>& cpus, const std::set<int>& taken);

/// Returns the processors that each thread of a lone team may run on: free ones of its planned processor's node
/// (plan_team()). Empty where there are not as many free cores, or the machine has one node: the system may move them
/// about.
std::vector<std::vector<int>> lone_masks(const std::vector<Cpu>& cpus, const std::set<int>& taken, int threads);

/// Sets the compute pool's size (`threads`; 0: its default, within a control group's quota) and keeps the team on nodes
/// whose processors neither other runs of Keel's nor other load take: `bind` always does so whoever is there, never
/// does not, and for a rank that a launcher started take_cores() (rank_cores.h) decides. Returns what should be known
/// about it, a sentence each.
std::vector<std::string> take_lone_cores(int threads, const std::string& bind);

}  // namespace keel::cli
