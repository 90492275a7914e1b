#include "runs/energy/rapl.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/paths.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "runs/energy/pseudo_file.h"

namespace keel {
namespace {

constexpr std::size_t kMostZones = 1024;  // a node has some tens; a tree that is made up may have any number

bool is_package(const std::string& name) { return name.starts_with("package"); }

bool is_second_way(const std::string& id) { return id.starts_with("intel-rapl-mmio"); }

/// The names of the tree's zones, "intel-rapl:0" or "intel-rapl:0:1".
std::vector<std::string> zone_ids(const std::filesystem::path& folder) {
    const PatienceScope at_once(0);
    std::vector<std::string> ids;
    try {
        if (!is_folder(folder)) return ids;
        for (const FolderEntry& entry : list_folder(folder))
            if (entry.name.starts_with("intel-rapl") && entry.name.find(':') != std::string::npos)
                ids.push_back(entry.name);
    } catch (const Error&) {
        return {};
    }
    std::ranges::sort(ids);
    if (ids.size() > kMostZones) ids.resize(kMostZones);
    return ids;
}

}  // namespace

std::uint64_t counted_since(std::uint64_t before, std::uint64_t now, std::uint64_t range) {
    if (now >= before) return now - before;
    return range >= before ? range - before + now : 0;
}

RaplCounters::RaplCounters(std::filesystem::path root) : folder_(std::move(root) / "sys/class/powercap") { sample(); }

std::vector<RaplCounters::Zone> RaplCounters::counted_zones() const {
    std::vector<Zone> zones;
    for (const std::string& id : zone_ids(folder_))
        if (const auto name = read_pseudo_file(folder_ / id / "name").text) zones.push_back({id, *name});
    const bool any_package = std::ranges::any_of(zones, [](const Zone& z) { return is_package(z.name); });
    const bool first_way =
        std::ranges::any_of(zones, [](const Zone& z) { return is_package(z.name) && !is_second_way(z.id); });
    std::erase_if(zones, [&](const Zone& zone) {
        if (first_way && is_second_way(zone.id)) return true;
        return any_package ? !is_package(zone.name) && !zone.is_memory() : zone.name != "psys";
    });
    return zones;
}

void RaplCounters::note(const std::string& text) {
    if (told_.insert(text).second) notes_.push_back(text);
}

void RaplCounters::read(const Zone& zone) {
    const PseudoFile file = read_pseudo_file(folder_ / zone.id / "energy_uj");
    const auto now = file.text ? whole_number(*file.text) : std::nullopt;
    if (!now) {
        note(fmt::format("RAPL's {} ({}) cannot be read: {}", zone.name, zone.id,
                         file.text ? fmt::format("'{}' is no number", file.text->substr(0, 40)) : file.refusal));
        refusal_ = file.text ? "its counters hold no numbers"
                             : "its counters are not readable, as a rule by root alone: " + file.refusal;
        return;
    }
    readable_zones_.push_back(zone);
    Counter& counter = counters_[zone.id + " " + zone.name];
    const std::uint64_t before = std::exchange(counter.value, *now);
    if (!std::exchange(counter.known, true)) {
        if (!first_) note(fmt::format("RAPL's {} ({}) came, and counts from then on", zone.name, zone.id));
        return;
    }
    if (*now >= before) {
        counted_ += *now - before;
        return;
    }
    const auto range_text = read_pseudo_file(folder_ / zone.id / "max_energy_range_uj").text;
    const std::uint64_t range = range_text ? whole_number(*range_text).value_or(0) : 0;
    if (range < before)
        note(fmt::format("RAPL's {} ({}) went from {} to {} and does not say where it wraps: that part is not counted",
                         zone.name, zone.id, before, *now));
    counted_ += counted_since(before, *now, range);
}

void RaplCounters::sample() {
    const std::vector<Zone> zones = counted_zones();
    const std::vector<Zone> before = std::exchange(readable_zones_, {});
    refusal_ = zones.empty() ? fmt::format("{} has no zone of RAPL", folder_.string()) : "";
    packages_ = readable_ = 0;
    for (const Zone& zone : zones) {
        if (!zone.is_memory()) ++packages_;
        read(zone);
    }
    for (const Zone& zone : readable_zones_) readable_ += zone.is_memory() ? 0 : 1;
    for (const Zone& zone : before) {
        const auto same = [&](const Zone& other) { return other.id == zone.id && other.name == zone.name; };
        if (std::ranges::any_of(readable_zones_, same)) continue;
        counters_.erase(zone.id + " " + zone.name);  // where it comes again it may begin at anything
        if (std::ranges::none_of(zones, same))
            note(fmt::format("RAPL's {} ({}) went, and keeps what it counted", zone.name, zone.id));
    }
    if (readable_ > 0) refusal_.clear();
    first_ = false;
}

std::string RaplCounters::zones() const {
    std::vector<std::string> names;
    for (const Zone& zone : readable_zones_) names.push_back(zone.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::string> RaplCounters::take_notes() { return std::exchange(notes_, {}); }

}  // namespace keel
