#include "cli/cluster/rank_report.h"

#include <fmt/format.h>

#include "distributed/collectives/self_test.h"
#include "distributed/mpi/mpi_communicator.h"
#include "engine/text.h"

namespace keel::cli {

RankReport report_ranks(World& world) {
    CostModel costs;
    world.call([&](Communicator& communicator) { costs = measure_costs(communicator); });
    const Cluster cluster = cluster_of(world.topology());
    const bool shared = world.topology().per_node() > 0;
    RankReport report;
    report.object = {{"library", mpi_library()},
                     {"ranks", world.size()},
                     {"nodes", world.topology().nodes()},
                     {"alpha_us", costs.alpha * 1e6},
                     {"beta_ns_per_kb", costs.beta * 1e12},
                     {"gamma_ns_per_kb", costs.gamma * 1e12},
                     {"node_alpha_us", costs.node_alpha * 1e6},
                     {"node_gamma_ns_per_kb", costs.node_gamma * 1e12}};
    report.text = fmt::format(
        "{}: {} ranks on {} nodes; a message {:.1f} us, {:.2f} GB/s between ranks, {:.2f} GB/s added; in shared memory "
        "a wait "
        "{:.1f} us, "
        "{:.2f} GB/s summed\n",
        mpi_library(), world.size(), world.topology().nodes(), costs.alpha * 1e6, 1e-9 / costs.beta, 1e-9 / costs.gamma,
        costs.node_alpha * 1e6, 1e-9 / costs.node_gamma);
    std::vector<std::vector<std::string>> rows{{"gradients", "ring", "halving-doubling", "hierarchical", "chosen"}};
    for (const auto& [model, megabytes] : {std::pair{"densenet121", 28}, {"resnet50", 94}}) {
        const std::int64_t bytes = std::int64_t{megabytes} * 1'000'000;
        Json times;
        rows.push_back({fmt::format("{}, {} MB", model, megabytes)});
        for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving_doubling, Algorithm::hierarchical}) {
            const double ms = 1e3 * predicted_seconds(algorithm, costs, cluster, bytes);
            const bool possible = shared || algorithm != Algorithm::hierarchical;
            times[std::string(name(algorithm))] = possible ? Json(ms) : Json();
            rows.back().push_back(possible ? fmt::format("{:.2f} ms", ms) : "-");
        }
        const std::string chosen(name(fastest_algorithm(costs, cluster, bytes, shared)));
        rows.back().push_back(chosen);
        report.object["predicted_ms"][model] = times;
        report.object["chosen"][model] = chosen;
    }
    report.text += format_table(rows);
    return report;
}

}  // namespace keel::cli
