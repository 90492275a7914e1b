#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "runs/energy/energy_meter.h"
#include "runs/energy/perf_energy.h"
#include "runs/energy/power_file.h"
#include "runs/energy/processor_power.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace std::chrono_literals;
using keel::test::contains;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

/// The unit "power" as a node of two packages has it.
void write_power_unit(const TemporaryFolder& root) {
    const std::filesystem::path unit = root / "sys/bus/event_source/devices/power";
    write_text(unit / "type", "27\n");
    write_text(unit / "cpumask", "0,28\n");
    write_text(unit / "events/energy-pkg", "event=0x02\n");
    write_text(unit / "events/energy-pkg.scale", "2.3283064365386962890625e-10\n");
    write_text(unit / "events/energy-pkg.unit", "Joules\n");
    write_text(unit / "events/energy-ram", "event=0x03\n");
    write_text(unit / "events/energy-ram.scale", "1e-3\n");
    write_text(unit / "events/energy-ram.unit", "Joules\n");
}

/// Counters of events that a test moves: descriptor 100 and up.
struct MadeUpCounting {
    std::map<int, std::uint64_t> counts{};
    int closed = 0;
    int refused_cpu = -1;
    std::uint64_t refused_config = 0;

    PerfCounting counting() {
        return {[this](const PerfEnergyEvent& event, int cpu) {
                    if (cpu == refused_cpu && event.config == refused_config) return -13;
                    const int descriptor = 100 + static_cast<int>(counts.size());
                    counts[descriptor] = 0;
                    return descriptor;
                },
                [this](int descriptor) -> std::optional<std::uint64_t> { return counts.at(descriptor); },
                [this](int) { ++closed; }};
    }
};

}  // namespace

TEST_CASE("Lists of processors are read strictly", "[energy]") {
    using List = std::vector<int>;
    CHECK(cpu_list("0") == List{0});
    CHECK(cpu_list("0,28") == List{0, 28});
    CHECK(cpu_list("1-3,7") == List{1, 2, 3, 7});
    for (const char* text : {"", "a", "1,", ",1", "3-1", "1-", "-1", "1 2", "0-4096", "0-2000000000", "1,,2"})
        CHECK(cpu_list(text).empty());
}

TEST_CASE("The energy events of perf are those that the unit describes", "[energy]") {
    const TemporaryFolder root;
    CHECK(perf_energy_events(root.path()).empty());
    write_power_unit(root);
    const auto events = perf_energy_events(root.path());
    REQUIRE(events.size() == 2);
    CHECK(events[0].name == "energy-pkg");
    CHECK(events[0].type == 27);
    CHECK(events[0].config == 2);
    CHECK(events[0].joules == 0x1p-32);
    CHECK(events[0].cpus == std::vector<int>{0, 28});

    const std::string file = GENERATE("events/energy-pkg", "events/energy-pkg.scale", "events/energy-pkg.unit");
    const std::string text = GENERATE("", "event=", "event=0xzz", "0", "-1", "nan", "1e99", "Watts");
    write_text(root / ("sys/bus/event_source/devices/power/" + file), text);
    for (const auto& event : perf_energy_events(root.path())) CHECK(event.name == "energy-ram");
}

TEST_CASE("Events of all packages are summed", "[energy]") {
    const TemporaryFolder root;
    write_power_unit(root);
    MadeUpCounting made_up;
    {
        PerfEnergy energy(perf_energy_events(root.path()), made_up.counting());
        CHECK(energy.refusal().empty());
        CHECK(energy.counted() == "energy-pkg of 2 packages, energy-ram of 2 packages");
        made_up.counts = {{100, std::uint64_t{3} << 32}, {101, std::uint64_t{4} << 32}, {102, 1000}, {103, 2000}};
        CHECK(energy.joules() == 10.0);
        made_up.counts[100] = 0;  // it went offline
        CHECK(energy.joules() == 10.0);
    }
    CHECK(made_up.closed == 4);
}

TEST_CASE("Who may not count is told why, and memory may be missing", "[energy]") {
    const TemporaryFolder root;
    write_power_unit(root);
    MadeUpCounting no_package{.refused_cpu = 28, .refused_config = 2};
    const PerfEnergy refused(perf_energy_events(root.path()), no_package.counting());
    CHECK_THAT(refused.refusal(), contains("Permission denied") && contains("perf_event_paranoid"));
    CHECK(no_package.closed == 1);
    MadeUpCounting no_memory{.refused_cpu = 0, .refused_config = 3};
    const PerfEnergy packages(perf_energy_events(root.path()), no_memory.counting());
    CHECK(packages.refusal().empty());
    CHECK(packages.counted() == "energy-pkg of 2 packages");
    CHECK_FALSE(PerfEnergy({}).refusal().empty());
}

TEST_CASE("A power file says watts, in some units", "[energy]") {
    CHECK(read_watts("215.5", "f") == 215.5);
    CHECK(read_watts(" 215.5 W\n", "f") == 215.5);
    CHECK(read_watts("0", "f") == 0);
    CHECK(read_watts("2kW", "f") == 2000);
    CHECK(read_watts("500 mW", "f") == 0.5);
    CHECK(read_watts("250000000 uW", "f") == 250);
    for (const char* text : {"", " ", "W", "-1", "nan", "inf", "1e9", "2 MW", "215,5", "12 34", "0x10", "5 w", "5 Wh"})
        CHECK_THROWS_AS(read_watts(text, "f"), InputError);
}

TEST_CASE("Between two looks at a power file power changes evenly", "[energy]") {
    const TemporaryFolder folder;
    const auto file = folder / "watts";
    CHECK_THROWS_AS(PowerFile(file), IoError);
    write_text(file, "100");
    std::chrono::steady_clock::time_point now{};
    PowerFile power(file, [&] { return now; });
    now += 10s;
    CHECK(power.joules() == 1000);
    now += 10s;
    write_text(file, "200 W");
    CHECK(power.joules() == 1000 + 1500);
    now += 10s;
    write_text(file, "rubbish");
    CHECK(power.joules() == 4500);  // as it was before
    std::filesystem::remove(file);
    now += 1s;
    CHECK(power.joules() == 4700);
    const auto notes = power.take_notes();
    REQUIRE(notes.size() == 1);
    CHECK_THAT(notes[0], contains("taken to be what it was before, 200.0 W"));
}

TEST_CASE("What a core takes is by the processor's name, or by what is said of the package", "[energy]") {
    CHECK(core_power("Intel(R) Xeon(R) Platinum 8480+", 0, 1).watts == 350.0 / 56);
    CHECK(core_power("Intel(R) Xeon(R) Platinum 8380H CPU @ 2.90GHz", 0, 1).watts == 250.0 / 28);
    CHECK(core_power("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", 0, 1).watts == 270.0 / 40);
    CHECK(core_power("AMD EPYC 7763 64-Core Processor", 0, 1).watts == 280.0 / 64);
    CHECK(core_power("something new", 0, 1).watts == 65.0 / 8);
    CHECK(core_power("something new", 100, 4).watts == 25);
    CHECK_THAT(core_power("something new", 100, 4).from, contains("100 W by 4 cores"));
}

TEST_CASE("An estimate grows with processor time and is called one", "[energy]") {
    const TemporaryFolder root;
    EnergyMeter meter({.package_watts = 50, .root = root.path()});
    volatile std::uint64_t work = 1;
    EnergyReading reading = meter.read();
    for (int i = 0; i < 1000 && reading.joules == 0; ++i) {
        for (int k = 0; k < 1'000'000; ++k) work = work * 3 + 1;
        reading = meter.read();
    }
    CHECK(reading.joules > 0);
    CHECK(reading.estimated);
    CHECK(energy_text(3600, true) == "1 Wh (estimate)");
    CHECK(energy_text(36e6, false) == "10 kWh");
}
