#include "runs/energy/rapl.h"

#include <cstdint>
#include <filesystem>
#include <string>

#include "runs/energy/energy_meter.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

constexpr std::uint64_t kRange = 262'143'328'850;  // that of a Xeon

/// A powercap tree whose counters stand until the test moves them.
class Powercap {
public:
    void add(const std::string& id, const std::string& name, std::uint64_t microjoules, std::uint64_t range = kRange) {
        write_text(zone(id) / "name", name + "\n");
        write_text(zone(id) / "max_energy_range_uj", std::to_string(range) + "\n");
        set(id, std::to_string(microjoules));
    }
    void set(const std::string& id, const std::string& text) { write_text(zone(id) / "energy_uj", text + "\n"); }
    void remove(const std::string& id) {
        std::error_code ignored;
        std::filesystem::remove_all(zone(id), ignored);
    }
    std::filesystem::path zone(const std::string& id) const { return folder_ / ("sys/class/powercap/" + id); }
    std::filesystem::path root() const { return folder_.path(); }

private:
    TemporaryFolder folder_;
};

/// Two packages with memory each, and the parts that are counted in them already.
void add_two_packages(Powercap& tree) {
    tree.add("intel-rapl:0", "package-0", 1'000'000);
    tree.add("intel-rapl:0:0", "core", 500'000);
    tree.add("intel-rapl:0:1", "dram", 2'000'000);
    tree.add("intel-rapl:1", "package-1", 7);
    tree.add("intel-rapl:1:0", "dram", kRange - 10);
    tree.add("intel-rapl:2", "psys", 9'000'000);
}

}  // namespace

TEST_CASE("RAPL adds packages and memory, not what is part of them or holds them", "[energy]") {
    Powercap tree;
    add_two_packages(tree);
    write_text(tree.root() / "sys/class/powercap/intel-rapl/enabled", "1\n");  // the folder of them all
    write_text(tree.root() / "sys/class/powercap/dtpm/enabled", "1\n");
    RaplCounters rapl(tree.root());
    CHECK(rapl.zones() == "package-0, dram, package-1, dram");
    CHECK(rapl.packages() == 2);
    CHECK(rapl.readable_packages() == 2);
    CHECK(rapl.microjoules() == 0);
    tree.set("intel-rapl:0", "1000003");
    tree.set("intel-rapl:0:0", "500000000");
    tree.set("intel-rapl:0:1", "2000020");
    tree.set("intel-rapl:1", "407");
    tree.set("intel-rapl:2", "99000000");
    rapl.sample();
    CHECK(rapl.microjoules() == 3 + 20 + 400);
    rapl.sample();
    CHECK(rapl.microjoules() == 423);
    CHECK(rapl.take_notes().empty());
}

TEST_CASE("A counter of RAPL wraps around", "[energy]") {
    CHECK(counted_since(5, 9, kRange) == 4);
    CHECK(counted_since(9, 9, kRange) == 0);
    CHECK(counted_since(kRange - 10, 5, kRange) == 15);
    CHECK(counted_since(kRange, 0, kRange) == 0);
    CHECK(counted_since(100, 5, 0) == 0);   // nobody knows where it wraps
    CHECK(counted_since(100, 5, 50) == 0);  // nor here: it was beyond
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    CHECK(counted_since(kMost - 1, 1, kMost) == 2);

    Powercap tree;
    add_two_packages(tree);
    RaplCounters rapl(tree.root());
    tree.set("intel-rapl:1:0", "30");
    rapl.sample();
    CHECK(rapl.microjoules() == 40);
    tree.set("intel-rapl:0", "4");  // wraps as well
    tree.set("intel-rapl:1:0", "31");
    rapl.sample();
    CHECK(rapl.microjoules() == 40 + 1 + (kRange - 1'000'000 + 4));
}

TEST_CASE("A counter that falls without a range is not guessed at", "[energy]") {
    Powercap tree;
    tree.add("intel-rapl:0", "package-0", 1000, 0);
    RaplCounters rapl(tree.root());
    tree.set("intel-rapl:0", "400");
    rapl.sample();
    CHECK(rapl.microjoules() == 0);
    tree.set("intel-rapl:0", "450");
    rapl.sample();
    CHECK(rapl.microjoules() == 50);
    const auto notes = rapl.take_notes();
    REQUIRE(notes.size() == 1);
    CHECK_THAT(notes[0], contains("went from 1000 to 400 and does not say where it wraps"));
}

TEST_CASE("A package that goes keeps what it counted, one that comes counts from then on", "[energy]") {
    Powercap tree;
    add_two_packages(tree);
    RaplCounters rapl(tree.root());
    tree.set("intel-rapl:0", "1000100");
    tree.set("intel-rapl:1", "1007");
    rapl.sample();
    CHECK(rapl.microjoules() == 1100);
    tree.remove("intel-rapl:1");
    tree.remove("intel-rapl:1:0");
    tree.set("intel-rapl:0", "1000200");
    rapl.sample();
    CHECK(rapl.microjoules() == 1200);
    CHECK(rapl.packages() == 1);
    // It comes again with a counter that is lower: that is no wrap.
    tree.add("intel-rapl:1", "package-1", 3);
    tree.set("intel-rapl:0", "1000300");
    rapl.sample();
    CHECK(rapl.microjoules() == 1300);
    tree.set("intel-rapl:1", "53");
    rapl.sample();
    CHECK(rapl.microjoules() == 1350);
    const auto notes = rapl.take_notes();
    REQUIRE(notes.size() == 3);
    CHECK_THAT(notes[0], contains("package-1 (intel-rapl:1) went"));
    CHECK_THAT(notes[2], contains("package-1 (intel-rapl:1) came"));
}

TEST_CASE("What is missing, unreadable or no number is told", "[energy]") {
    Powercap tree;
    CHECK_THAT(RaplCounters(tree.root()).refusal(), contains("has no zone of RAPL"));
    tree.add("intel-rapl:0", "package-0", 10);
    std::filesystem::remove(tree.zone("intel-rapl:0") / "energy_uj");
    std::filesystem::create_directory(tree.zone("intel-rapl:0") / "energy_uj");  // as unreadable to root as to others
    RaplCounters unreadable(tree.root());
    CHECK(unreadable.packages() == 1);
    CHECK(unreadable.readable_packages() == 0);
    CHECK_THAT(unreadable.refusal(), contains("not readable, as a rule by root alone"));
    const std::string text = GENERATE("", "-5", "1e9", "12 34", "99999999999999999999999", "0x10");
    Powercap other;
    other.add("intel-rapl:0", "package-0", 10);
    other.set("intel-rapl:0", text);
    CHECK_THAT(RaplCounters(other.root()).refusal(), contains("no numbers"));
}

TEST_CASE("Only where there is no package the platform counts, and the second way to the same counters", "[energy]") {
    Powercap platform;
    platform.add("intel-rapl:0", "psys", 10);
    RaplCounters psys(platform.root());
    platform.set("intel-rapl:0", "25");
    psys.sample();
    CHECK(psys.microjoules() == 15);

    Powercap both;
    both.add("intel-rapl:0", "package-0", 10);
    both.add("intel-rapl-mmio:0", "package-0", 10);
    CHECK(RaplCounters(both.root()).packages() == 1);
    both.remove("intel-rapl:0");
    RaplCounters second(both.root());
    both.set("intel-rapl-mmio:0", "11");
    second.sample();
    CHECK(second.microjoules() == 1);
}

TEST_CASE("The meter measures by RAPL where it can, and says where it estimates", "[energy]") {
    Powercap tree;
    add_two_packages(tree);
    EnergyMeter meter({.root = tree.root()});
    tree.set("intel-rapl:0", "3000000");
    tree.set("intel-rapl:1", "1000007");
    const EnergyReading measured = meter.read();
    CHECK(measured.joules == 3.0);
    CHECK_FALSE(measured.estimated);
    CHECK(measured.source == "RAPL: package-0, dram, package-1, dram");

    // One of two packages is gone from sight: it is taken for one like the other, and that is said.
    tree.set("intel-rapl:1", "broken");
    tree.set("intel-rapl:0", "4000000");
    const EnergyReading half = meter.read();
    CHECK(half.joules == 5.0);
    CHECK(half.estimated);
    CHECK_THAT(half.source, contains("1 of 2 packages") && contains("estimate"));

    // Nothing is left to read: processor time fills in.
    for (const char* id : {"intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl:1:0", "intel-rapl:2"})
        tree.remove(id);
    CHECK(meter.read().estimated);
    CHECK(meter.read().joules >= 5.0);
    CHECK_FALSE(meter.take_notes().empty());
}

TEST_CASE("A node is read once: other ranks on it add nothing to what is measured", "[energy]") {
    Powercap tree;
    add_two_packages(tree);
    EnergyMeter first({.root = tree.root()}), second({.reads_node = false, .root = tree.root()});
    tree.set("intel-rapl:0", "2000000");
    const EnergyReading sum = sum_of({first.read(), second.read()});
    CHECK(sum.joules == 1.0);
    CHECK(sum.source == "RAPL: package-0, dram, package-1, dram");

    const Powercap empty;
    EnergyMeter alone({.reads_node = false, .root = empty.root()});
    const EnergyReading own = alone.read();  // nobody on the node can read anything: each estimates its own
    CHECK(own.estimated);
    CHECK_THAT(own.source, contains("estimate: processor time"));
    const auto notes = alone.take_notes();
    REQUIRE(notes.size() == 1);
    CHECK_THAT(notes[0], contains("estimate by processor time") && contains("--power-file"));
}
