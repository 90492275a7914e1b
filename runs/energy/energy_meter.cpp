#include "runs/energy/energy_meter.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "kernels/cpu.h"
#include "kernels/topology.h"
#include "runs/energy/perf_energy.h"
#include "runs/energy/power_file.h"
#include "runs/energy/processor_power.h"
#include "runs/energy/pseudo_file.h"
#include "runs/energy/rapl.h"

namespace keel {
namespace {

double seconds_used(int who) {
    rusage used{};
    getrusage(who, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double processor_seconds(bool children) {
    return seconds_used(RUSAGE_SELF) + (children ? seconds_used(RUSAGE_CHILDREN) : 0);
}

/// Cores of the first processor's package, whoever may use them.
int package_cores(const std::filesystem::path& root) {
    const std::filesystem::path folder = root / "sys/devices/system/cpu/cpu0/topology";
    const auto count = [&](const char* file) {
        return cpu_list(read_pseudo_file(folder / file).text.value_or("")).size();
    };
    const std::size_t all = count("core_siblings_list"), of_core = count("thread_siblings_list");
    return all == 0 || of_core == 0 ? core_count(process_cpus()) : static_cast<int>(all / of_core);
}

}  // namespace

class EnergyMeter::Source {
public:
    virtual ~Source() = default;
    virtual EnergyReading read() = 0;
    virtual std::vector<std::string> take_notes() { return {}; }
};

/// Processor time by what a core takes at work.
class EnergyMeter::OfProcessorTime final : public Source {
public:
    explicit OfProcessorTime(const EnergyOptions& options)
        : core_(core_power(processor().brand, options.package_watts, package_cores(options.root))),
          children_(options.children),
          began_(processor_seconds(children_)) {}

    EnergyReading read() override {
        return {core_.watts * (processor_seconds(children_) - began_), true,
                fmt::format("estimate: processor time at {:.2f} W a core ({})", core_.watts, core_.from)};
    }

private:
    CorePower core_;
    bool children_;
    double began_;
};

class EnergyMeter::OfPowerFile final : public Source {
public:
    explicit OfPowerFile(const std::string& file) : file_(file), name_(file) {}
    EnergyReading read() override { return {file_.joules(), false, "power file " + name_}; }
    std::vector<std::string> take_notes() override { return file_.take_notes(); }

private:
    PowerFile file_;
    std::string name_;
};

/// RAPL; a package that cannot be read is taken for one like the others, and where none can be any more, processor time
/// fills in.
class EnergyMeter::OfRapl final : public Source {
public:
    OfRapl(RaplCounters counters, const EnergyOptions& options)
        : counters_(std::move(counters)),
          before_(counters_.microjoules()),
          estimate_(options),
          estimated_before_(estimate_.read().joules) {}

    EnergyReading read() override {
        counters_.sample();
        const std::uint64_t now = counters_.microjoules(), counted = now - std::exchange(before_, now);
        const double estimate = estimate_.read().joules;
        const double filled = estimate - std::exchange(estimated_before_, estimate);
        const int readable = counters_.readable_packages(), packages = counters_.packages();
        if (readable == 0) {
            reading_.joules += filled;
        } else {
            reading_.joules += 1e-6 * static_cast<double>(counted) * packages / readable;
            source_ = "RAPL: " + counters_.zones();
        }
        if (readable == packages && readable > 0) return with_source(source_);
        reading_.estimated = true;
        return with_source(readable == 0 ? source_ + ", then an estimate by processor time"
                                         : fmt::format("{} ({} of {} packages, the others taken to be alike: an "
                                                       "estimate)",
                                                       source_, readable, packages));
    }

    std::vector<std::string> take_notes() override { return counters_.take_notes(); }

private:
    EnergyReading with_source(const std::string& source) {
        reading_.source = source;
        return reading_;
    }

    RaplCounters counters_;
    std::uint64_t before_;
    OfProcessorTime estimate_;
    double estimated_before_;
    EnergyReading reading_;
    std::string source_;
};

class EnergyMeter::OfPerf final : public Source {
public:
    explicit OfPerf(std::unique_ptr<PerfEnergy> events) : events_(std::move(events)), began_(events_->joules()) {}
    EnergyReading read() override { return {events_->joules() - began_, false, "perf: " + events_->counted()}; }

private:
    std::unique_ptr<PerfEnergy> events_;
    double began_;
};

/// What another process on the node reads.
class EnergyMeter::OfAnother final : public Source {
public:
    EnergyReading read() override { return {}; }
};

EnergyMeter::EnergyMeter(const EnergyOptions& options) {
    const auto take = [&](std::unique_ptr<Source> source) {
        source_ = options.reads_node ? std::move(source) : std::make_unique<OfAnother>();
    };
    RaplCounters rapl(options.root);
    std::string refused = "RAPL: " + rapl.refusal();
    if (!options.power_file.empty()) {
        take(std::make_unique<OfPowerFile>(options.power_file));
    } else if (rapl.readable_packages() > 0) {
        take(std::make_unique<OfRapl>(std::move(rapl), options));
    } else if (auto perf = std::make_unique<PerfEnergy>(perf_energy_events(options.root)); perf->refusal().empty()) {
        take(std::make_unique<OfPerf>(std::move(perf)));
    } else {
        refused += "; perf: " + perf->refusal();
        source_ = std::make_unique<OfProcessorTime>(options);
        notes_.push_back(
            fmt::format("energy is an estimate by processor time: {}; --power-file takes a meter's figures", refused));
    }
}

EnergyMeter::~EnergyMeter() = default;
EnergyMeter::EnergyMeter(EnergyMeter&&) noexcept = default;
EnergyMeter& EnergyMeter::operator=(EnergyMeter&&) noexcept = default;

EnergyReading EnergyMeter::read() { return source_->read(); }

std::vector<std::string> EnergyMeter::take_notes() {
    std::vector<std::string> all = std::exchange(notes_, {});
    for (std::string& note : source_->take_notes()) all.push_back(std::move(note));
    return all;
}

EnergyReading sum_of(const std::vector<EnergyReading>& readings) {
    EnergyReading sum;
    std::vector<std::string> sources;
    for (const EnergyReading& reading : readings) {
        sum.joules += reading.joules;
        sum.estimated = sum.estimated || reading.estimated;
        if (reading.source.empty() || std::ranges::find(sources, reading.source) != sources.end()) continue;
        sources.push_back(reading.source);
        sum.source += (sum.source.empty() ? "" : "; ") + reading.source;
    }
    return sum;
}

std::string energy_text(double joules, bool estimated) {
    const double hours = joules / 3600;
    const char* const label = estimated ? " (estimate)" : "";
    return hours < 1000 ? fmt::format("{:.3g} Wh{}", hours, label) : fmt::format("{:.3g} kWh{}", hours / 1000, label);
}

}  // namespace keel
