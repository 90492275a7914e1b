#include "cli/cluster/isas.h"

#include <cstdlib>

#include "kernels/cpu.h"
#include "kernels/isa_report.h"

namespace keel::cli {

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
        const bool has_features = contains(cpu.features, isa.features);
        const TilePermission permission = has_features ? tile_permission() : TilePermission{};
        const std::string why_not = why_unavailable(isa, cpu, permission);
        machine.other_isas.push_back({isa.name, why_not.empty() ? "KEEL_ISA forces another" : why_not});
        if (has_features && !why_not.empty()) machine.hidden.push_back(std::string(isa.name) + ": " + why_not);
    }
}

}  // namespace keel::cli
