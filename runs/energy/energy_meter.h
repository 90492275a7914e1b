// The energy that this machine takes while something runs: measured where the processor or somebody else tells it,
// else estimated from processor time, and then called an estimate wherever it appears.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keel {

struct EnergyOptions {
    std::string power_file{};          ///< with a number of watts that something else keeps writing; empty: none
    double package_watts = 0;          ///< of a package whose cores all work (TDP); 0: by the processor's name
    bool reads_node = true;            ///< false: another process on this node reads what counts for the whole of it
    bool children = false;             ///< the estimate counts the time of child processes that have ended, too
    std::filesystem::path root = "/";  ///< whose sys/class/powercap and sys/bus/event_source are read
};

/// What was taken since the meter was made.
struct EnergyReading {
    double joules = 0;
    bool estimated = false;  ///< any of it
    std::string source{};    ///< for people: "RAPL: package-0, dram", "estimate: processor time, 6.25 W a core (...)"
};

/// Reads the first of these that there is: the power file, RAPL's counters (/sys/class/powercap), the energy events of
/// perf; else it estimates. What is measured is of the whole node, other work on it included; an estimate is of this
/// process alone. Counters wrap around: read() should be called every minute or so. Not for several threads at once.
class EnergyMeter {
public:
    /// Throws IoError or InputError where the power file cannot be read or holds no power.
    explicit EnergyMeter(const EnergyOptions& options = {});
    ~EnergyMeter();
    EnergyMeter(EnergyMeter&&) noexcept;
    EnergyMeter& operator=(EnergyMeter&&) noexcept;

    EnergyReading read();

    /// Returns what should be known of how the energy is measured, and why it is not where it is estimated: sentences
    /// without their full stop, each once.
    std::vector<std::string> take_notes();

private:
    class Source;
    class OfPowerFile;
    class OfRapl;
    class OfPerf;
    class OfProcessorTime;
    class OfAnother;
    std::unique_ptr<Source> source_;
    std::vector<std::string> notes_;
};

/// Returns the sum of what several meters read, ranks' of a run for example: estimated where one of them is.
EnergyReading sum_of(const std::vector<EnergyReading>& readings);

/// "12.3 Wh", "1.20 kWh (estimate)".
std::string energy_text(double joules, bool estimated);

}  // namespace keel
