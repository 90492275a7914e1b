#include "runs/energy/perf_energy.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "runs/energy/pseudo_file.h"

namespace keel {
namespace {

constexpr std::size_t kMostCpus = 4096;

/// The code of "event=0x02" or "event=2"; none for anything else.
std::optional<std::uint64_t> event_code(std::string_view text) {
    constexpr std::string_view kKey = "event=";
    if (!text.starts_with(kKey)) return std::nullopt;
    text.remove_prefix(kKey.size());
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    std::uint64_t code = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code, hexadecimal ? 16 : 10);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return code;
}

/// Joules of a count; 0 for what is no such number.
double joules_of_count(const std::filesystem::path& folder, const std::string& name) {
    const auto unit = read_pseudo_file(folder / (name + ".unit")).text;
    const auto scale = read_pseudo_file(folder / (name + ".scale")).text;
    if (!unit || *unit != "Joules" || !scale) return 0;
    double value = 0;
    const auto [end, error] = std::from_chars(scale->data(), scale->data() + scale->size(), value);
    const bool whole = error == std::errc() && end == scale->data() + scale->size();
    return whole && std::isfinite(value) && value > 0 && value < 1 ? value : 0;
}

int open_event(const PerfEnergyEvent& event, int cpu) {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = event.type;
    attributes.config = event.config;
    const long descriptor = ::syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return descriptor < 0 ? -errno : static_cast<int>(descriptor);
}

std::optional<std::uint64_t> read_event(int descriptor) {
    std::uint64_t count = 0;
    if (::read(descriptor, &count, sizeof count) != sizeof count) return std::nullopt;
    return count;
}

}  // namespace

std::vector<int> cpu_list(const std::string& text) {
    std::vector<int> cpus;
    const char *at = text.data(), *const end = at + text.size();
    while (at != end) {
        int first = 0, last = 0;
        auto read = std::from_chars(at, end, first);
        if (read.ec != std::errc() || first < 0) return {};
        last = first;
        if (read.ptr != end && *read.ptr == '-') {
            read = std::from_chars(read.ptr + 1, end, last);
            if (read.ec != std::errc()) return {};
        }
        if (last < first || static_cast<std::size_t>(last - first) + cpus.size() >= kMostCpus) return {};
        for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
        if (read.ptr != end && (*read.ptr != ',' || read.ptr + 1 == end)) return {};
        at = read.ptr == end ? end : read.ptr + 1;
    }
    return cpus;
}

std::vector<PerfEnergyEvent> perf_energy_events(const std::filesystem::path& root) {
    const std::filesystem::path unit = root / "sys/bus/event_source/devices/power";
    const auto type_text = read_pseudo_file(unit / "type").text, mask = read_pseudo_file(unit / "cpumask").text;
    const auto type = type_text ? whole_number(*type_text) : std::nullopt;
    std::vector<PerfEnergyEvent> events;
    if (!type || *type > 0xffffffffU || !mask) return events;
    const std::vector<int> cpus = cpu_list(*mask);
    for (const char* name : {"energy-pkg", "energy-ram"}) {
        const auto text = read_pseudo_file(unit / "events" / name).text;
        const auto code = text ? event_code(*text) : std::nullopt;
        const double joules = code ? joules_of_count(unit / "events", name) : 0;
        if (joules > 0 && !cpus.empty())
            events.push_back({name, static_cast<std::uint32_t>(*type), *code, joules, cpus});
    }
    return events;
}

PerfCounting system_perf_counting() {
    return {open_event, read_event, [](int descriptor) { ::close(descriptor); }};
}

void PerfEnergy::open(const PerfEnergyEvent& event) {
    std::vector<Counter> opened;
    std::string refused;
    for (const int cpu : event.cpus) {
        const int descriptor = counting_.open(event, cpu);
        if (descriptor < 0) {
            refused = std::system_category().message(-descriptor);
            break;
        }
        opened.push_back({descriptor, event.joules, 0});
    }
    if (!refused.empty()) {
        for (const Counter& counter : opened) counting_.close(counter.descriptor);
        if (event.name == "energy-pkg")
            refusal_ = fmt::format("{}; /proc/sys/kernel/perf_event_paranoid of 0 or less, or CAP_PERFMON, allows it",
                                   refused);
        return;
    }
    counters_.insert(counters_.end(), opened.begin(), opened.end());
    counted_ += fmt::format("{}{} of {} package{}", counted_.empty() ? "" : ", ", event.name, event.cpus.size(),
                            event.cpus.size() == 1 ? "" : "s");
}

PerfEnergy::PerfEnergy(const std::vector<PerfEnergyEvent>& events, PerfCounting counting)
    : counting_(std::move(counting)) {
    if (events.empty() || events.front().name != "energy-pkg") {
        refusal_ = "there is no event energy-pkg";
        return;
    }
    for (const PerfEnergyEvent& event : events)
        if (refusal_.empty()) open(event);
}

PerfEnergy::~PerfEnergy() {
    for (const Counter& counter : counters_) counting_.close(counter.descriptor);
}

double PerfEnergy::joules() {
    double sum = 0;
    for (Counter& counter : counters_) {
        if (const auto count = counting_.read(counter.descriptor)) counter.last = std::max(counter.last, *count);
        sum += static_cast<double>(counter.last) * counter.joules;
    }
    return sum;
}

}  // namespace keel
