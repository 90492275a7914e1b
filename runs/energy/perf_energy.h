// Energy by the events of Linux's perf: the same counters as RAPL's, of 64 bits, for those whom perf_event_paranoid
// lets count the whole machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace keel {

/// An event of the unit "power", as /sys/bus/event_source/devices/power describes it.
struct PerfEnergyEvent {
    std::string name{};  ///< "energy-pkg", "energy-ram"
    std::uint32_t type = 0;
    std::uint64_t config = 0;
    double joules = 0;        ///< of one count
    std::vector<int> cpus{};  ///< where it is counted, one a package
};

/// Returns the events of packages and of their memory; none where the system has none. What is malformed is left out.
std::vector<PerfEnergyEvent> perf_energy_events(const std::filesystem::path& root = "/");

/// Reads "0,28-29" as numbers; empty for anything else, and for more than 4096 of them.
std::vector<int> cpu_list(const std::string& text);

/// How events are counted: by the system, or by a test.
struct PerfCounting {
    /// Returns a descriptor, or the error's number below 0.
    std::function<int(const PerfEnergyEvent& event, int cpu)> open;
    std::function<std::optional<std::uint64_t>(int descriptor)> read;
    std::function<void(int descriptor)> close;
};
PerfCounting system_perf_counting();

/// The energy that events have counted since it was made.
class PerfEnergy {
public:
    explicit PerfEnergy(const std::vector<PerfEnergyEvent>& events, PerfCounting counting = system_perf_counting());
    ~PerfEnergy();
    PerfEnergy(const PerfEnergy&) = delete;
    PerfEnergy& operator=(const PerfEnergy&) = delete;

    double joules();
    /// "energy-pkg of 2 packages, energy-ram of 2 packages"
    const std::string& counted() const { return counted_; }
    /// Why packages cannot be counted; empty where they are. Memory that cannot be is left out of counted().
    const std::string& refusal() const { return refusal_; }

private:
    struct Counter {
        int descriptor = -1;
        double joules = 0;       // of a count
        std::uint64_t last = 0;  // a package that went offline keeps it
    };
    void open(const PerfEnergyEvent& event);

    PerfCounting counting_;
    std::vector<Counter> counters_;
    std::string counted_, refusal_;
};

}  // namespace keel
