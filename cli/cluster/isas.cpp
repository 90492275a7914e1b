#include "cli/cluster/isas.h"

#include <cstdlib>

#include "kernels/cpu.h"
#include "kernels/isa_report.h"
#include "kernels/routing/kernel_kinds.h"

namespace keel::cli {
namespace {

/// Returns why an ISA that the active one does not include is not in use.
std::string why_not(const Isa& isa) {
    const bool has_features = contains(processor().features, isa.features);
    const TilePermission permission = has_features ? tile_permission() : TilePermission{};
    const std::string why = why_unavailable(isa, processor(), permission);
    return why.empty() ? "KEEL_ISA forces another" : why;
}

}  // namespace

void read_isas(Machine& machine) {
    const Processor& cpu = processor();
    const Isa& active = active_isa();
    if (const char* forced = std::getenv("KEEL_ISA")) machine.forced_isa = forced;
    machine.isa = active.name;
    for (const FeatureSource& source : kFeatureSources)
        if (contains(cpu.features, source.feature)) machine.features.emplace_back(source.name);
    machine.unused = unused_features(active, cpu);
    machine.hidden = hidden_features(cpu);
    for (const Isa& isa : kIsas) {
        if (active.includes(isa)) continue;
        machine.other_isas.push_back({isa.name, why_not(isa)});
        if (!contains(cpu.features, isa.features)) continue;
        if (const std::string why = why_unavailable(isa, cpu, tile_permission()); !why.empty())
            machine.hidden.push_back(std::string(isa.name) + ": " + why);
    }
    for (const kernels::KernelKind& kind : kernels::kernel_kinds(active))
        machine.kernels.push_back(
            {kind.name, kind.isa.name, kind.best.name, active.includes(kind.best) ? "" : why_not(kind.best)});
}

}  // namespace keel::cli
