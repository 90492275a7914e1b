#include "runs/energy/run_meter.h"

#include <algorithm>
#include <numeric>

#include "kernels/parallel.h"

namespace keel {
namespace {

constexpr auto kBetweenLooks = std::chrono::seconds(5);

bool is_first_of_node(const World& world) {
    const Topology& topology = world.topology();
    return topology.members(topology.node_of[static_cast<std::size_t>(world.rank())]).front() == world.rank();
}

}  // namespace

EnergyOptions node_energy_options(const World& world, const TrainConfig& config) {
    return {
        .power_file = config.power_file, .package_watts = config.package_watts, .reads_node = is_first_of_node(world)};
}

RunMeter::RunMeter(World& world, const TrainConfig& config)
    : world_(world), prices_(prices_of(config)), meter_(node_energy_options(world, config)) {
    own_ = meter_.read();
}

void RunMeter::on_start(const TrainStart& start) {
    total_steps_ = start.total_steps;
    const std::vector<int> threads = world_.gather(thread_count());
    cores_ = std::accumulate(threads.begin(), threads.end(), 0);
    gather();
}

void RunMeter::look() {
    looked_ = Clock::now();
    own_ = meter_.read();
}

void RunMeter::gather() {
    look();
    struct Told {
        double joules;
        bool estimated;
    };
    const std::vector<Told> told = world_.gather(Told{own_.joules, own_.estimated});
    const std::vector<std::string> sources = world_.gather_texts(own_.source);
    std::vector<EnergyReading> readings;
    for (std::size_t r = 0; r < told.size(); ++r) readings.push_back({told[r].joules, told[r].estimated, sources[r]});
    all_ = sum_of(readings);
    own_at_gather_ = own_.joules;
}

void RunMeter::on_step(const StepReport& report) {
    if (Clock::now() - looked_ >= kBetweenLooks) look();
    step_ = report.step;
    if (first_step_ >= 0) return;
    first_step_ = report.step;
    first_seconds_ = seconds();
}

std::optional<StopRequest> RunMeter::should_stop(double) {
    if (Clock::now() - looked_ >= kBetweenLooks) look();
    return std::nullopt;
}

RunCost RunMeter::spent() const {
    RunCost cost = before_;
    const double now = seconds(), grown = own_.joules - own_at_gather_;
    const double ranks = own_at_gather_ > 0 ? all_.joules / own_at_gather_ : 1;
    cost.seconds += now;
    cost.core_hours += now * cores_ / 3600;
    cost.joules += all_.joules + grown * ranks;
    cost.estimated = cost.estimated || all_.estimated;
    if (cost.source.empty() || cost.source == all_.source)
        cost.source = all_.source;
    else if (cost.source.find(all_.source) == std::string::npos && cost.source.size() < 1000)
        cost.source += "; " + all_.source;
    ++cost.processes;
    return cost;
}

std::optional<RunCost> RunMeter::to_come() const {
    if (first_step_ < 0 || step_ <= first_step_) return std::nullopt;
    const double since = seconds() - first_seconds_;
    const double left = static_cast<double>(std::max<std::int64_t>(0, total_steps_ - step_));
    const double factor = left / static_cast<double>(step_ - first_step_);
    RunCost cost;
    cost.seconds = since * factor;
    cost.core_hours = cost.seconds * cores_ / 3600;
    const double whole = seconds();
    const RunCost all = spent();
    cost.joules = whole > 0 ? (all.joules - before_.joules) / whole * cost.seconds : 0;
    cost.estimated = all_.estimated;
    cost.source = all_.source;
    return cost;
}

}  // namespace keel
