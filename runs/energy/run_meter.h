// What a run has taken so far, and what it is going to take: an observer that counts and tells nobody by itself.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "distributed/world.h"
#include "runs/energy/energy_meter.h"
#include "runs/energy/run_cost.h"
#include "train/observer.h"

namespace keel {

/// Returns how this rank counts energy: on each node one of them reads what counts for the whole of it.
EnergyOptions node_energy_options(const World& world, const TrainConfig& config);

class RunMeter final : public TrainObserver {
public:
    using Clock = std::chrono::steady_clock;

    /// Counts from here on, by node_energy_options(). All ranks of a run make one. Throws what EnergyMeter() does.
    RunMeter(World& world, const TrainConfig& config);

    /// Adds what earlier processes of the run took.
    void add_before(const RunCost& before) { before_ = before; }

    void on_start(const TrainStart& start) override;
    void on_step(const StepReport& report) override;
    // Here the ranks tell each other.
    void on_epoch(const EpochReport&) override { gather(); }
    void on_checkpoint(const CheckpointReport&) override { gather(); }
    void on_end() override { gather(); }
    /// Asks nothing; counters are looked at meanwhile, which wrap around.
    std::optional<StopRequest> should_stop(double) override;

    /// Returns what all ranks took up to now; between two of the calls above other ranks' energy is taken to have grown
    /// as this one's did.
    RunCost spent() const;
    /// Returns what the rest of the run takes if it goes on as it did in this process, and no patience ends it; none
    /// before the first step.
    std::optional<RunCost> to_come() const;

    const Prices& prices() const { return prices_; }
    /// See EnergyMeter.
    std::vector<std::string> take_notes() { return meter_.take_notes(); }

private:
    void gather();
    void look();
    double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

    World& world_;
    Prices prices_;
    EnergyMeter meter_;
    EnergyReading own_, all_;   // when they were looked at last; of all ranks, when they told each other
    double own_at_gather_ = 0;  // joules
    int cores_ = 0;             // of all ranks
    Clock::time_point began_ = Clock::now(), looked_ = began_;
    RunCost before_;
    std::int64_t total_steps_ = 0, first_step_ = -1, step_ = 0;
    double first_seconds_ = 0;  // when the first step ended
};

}  // namespace keel
