// Energy by RAPL, as Linux shows it below /sys/class/powercap: counters of microjoules that wrap around, one a zone.
// Source: the kernel's Documentation/power/powercap/powercap.rst.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace keel {

/// Adds up what the zones of a tree have counted since it was made. Packages and the memory (dram) beside them are
/// summed: cores and graphics (core, uncore) are part of a package already, and psys, the whole platform, of which
/// packages are part, counts where there is no package alone. The second way to the same counters (intel-rapl-mmio)
/// counts where it is the only one. A zone that comes counts from then on, one that goes keeps what it counted.
class RaplCounters {
public:
    /// `root`: the folder whose sys/class/powercap is read.
    explicit RaplCounters(std::filesystem::path root = "/");

    /// Looks for zones, reads them, and adds what each has counted since the last call.
    void sample();

    std::uint64_t microjoules() const { return counted_; }
    /// "package-0, dram, package-1, dram": the zones that were readable at the last sample.
    std::string zones() const;
    /// Packages of the last sample (of psys where there is none) that could be read, and all of them.
    int readable_packages() const { return readable_; }
    int packages() const { return packages_; }
    /// Why there is nothing to read; empty where there is.
    const std::string& refusal() const { return refusal_; }

    /// Sentences, each once: zones that came, went or cannot be read.
    std::vector<std::string> take_notes();

private:
    struct Zone {
        std::string id{}, name{};  ///< "intel-rapl:0", "package-0"
        bool is_memory() const { return name == "dram"; }
    };
    struct Counter {
        std::uint64_t value = 0;
        bool known = false;  ///< false: the next value is where it begins
    };
    std::vector<Zone> counted_zones() const;
    void read(const Zone& zone);
    void note(const std::string& text);

    std::filesystem::path folder_;
    std::map<std::string, Counter> counters_;  // by id and name
    std::vector<Zone> readable_zones_;
    std::set<std::string> told_;
    std::vector<std::string> notes_;
    std::string refusal_;
    std::uint64_t counted_ = 0;
    int packages_ = 0, readable_ = 0;
    bool first_ = true;
};

/// Returns what a counter that wraps to 0 behind `range` has counted from `before` to `now`. A pure function.
std::uint64_t counted_since(std::uint64_t before, std::uint64_t now, std::uint64_t range);

}  // namespace keel
