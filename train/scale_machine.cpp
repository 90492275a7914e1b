#include "train/scale_machine.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "engine/toml.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// A number of the file: where it stands, what it may be, and where it goes.
struct Key {
    std::string_view table, name;
    double low, high;
    bool above;  ///< low itself is none
    std::function<void(ScaleMachine&, double)> set;
};

const std::vector<Key>& keys() {
    using M = ScaleMachine;
    static const std::vector<Key> all{
        {"", "ranks_per_node", 1, 1024, false, [](M& m, double v) { m.ranks_per_node = static_cast<int>(v); }},
        {"network", "gbits", 0, kNoLimit, true, [](M& m, double v) { m.costs.beta = 8 / (1e9 * v); }},
        {"network", "latency_us", 0, kNoLimit, false, [](M& m, double v) { m.costs.alpha = 1e-6 * v; }},
        {"network", "add_ns", 0, kNoLimit, false, [](M& m, double v) { m.costs.gamma = 1e-9 * v; }},
        {"node", "wait_us", 0, kNoLimit, false, [](M& m, double v) { m.costs.node_alpha = 1e-6 * v; }},
        {"node", "sum_ns", 0, kNoLimit, false, [](M& m, double v) { m.costs.node_gamma = 1e-9 * v; }},
        {"rank", "images_per_second", 0, kNoLimit, true, [](M& m, double v) { m.images_per_second = v; }},
        {"rank", "bf16_speedup", 0, 100, true, [](M& m, double v) { m.bf16_speedup = v; }},
        {"rank", "stolen", 0, 0.99, false, [](M& m, double v) { m.stolen = v; }},
        {"input", "images_per_second", 0, kNoLimit, true, [](M& m, double v) { m.input_images_per_second = v; }},
        {"checkpoints", "seconds", 0, kNoLimit, false, [](M& m, double v) { m.failures.checkpoint = v; }},
        {"checkpoints", "every_seconds", 0, kNoLimit, true, [](M& m, double v) { m.failures.checkpoint_every = v; }},
        {"failures", "node_mtbf_hours", 0, kNoLimit, true, [](M& m, double v) { m.failures.node_mtbf_hours = v; }},
        {"failures", "restart_seconds", 0, kNoLimit, false, [](M& m, double v) { m.failures.restart = v; }},
    };
    return all;
}

[[noreturn]] void refuse(const std::string& origin, const std::string& what) {
    throw InputError(fmt::format("[scale] {}: {}", origin, what));
}

std::string range_text(const Key& key) {
    const std::string low = key.above ? fmt::format("above {}", key.low) : fmt::format("{} or more", key.low);
    return std::isinf(key.high) ? low : fmt::format("{}, {} at most", low, key.high);
}

void set_number(ScaleMachine& machine, const std::string& table, const std::string& name, const toml::node& node,
                const std::string& origin) {
    const std::string full = table.empty() ? name : table + "." + name;
    for (const Key& key : keys()) {
        if (key.table != table || key.name != name) continue;
        const auto value = node.value<double>();
        const bool whole = name != "ranks_per_node" || node.is_integer();
        if (!value || !node.is_number() || !whole || !std::isfinite(*value) || *value > key.high || *value < key.low ||
            (key.above && *value == key.low))
            refuse(origin, fmt::format("{}: wanted a {}number, {}", full, whole ? "" : "whole ", range_text(key)));
        return key.set(machine, *value);
    }
    refuse(origin, fmt::format("unknown key '{}'", full));
}

}  // namespace

void apply_changes(ScaleMachine& machine, const MachineChanges& changes) {
    if (changes.ranks_per_node) machine.ranks_per_node = static_cast<int>(*changes.ranks_per_node);
    if (changes.gbits) machine.costs.beta = 8 / (1e9 * *changes.gbits);
    if (changes.latency_us) machine.costs.alpha = 1e-6 * *changes.latency_us;
    if (changes.add_ns) machine.costs.gamma = 1e-9 * *changes.add_ns;
    machine.stolen = changes.stolen.value_or(machine.stolen);
    machine.images_per_second = changes.images_per_second.value_or(machine.images_per_second);
    if (!changes.processor.empty()) machine.processor = changes.processor;
}

void apply_machine(ScaleMachine& machine, std::string_view text, const std::string& origin) {
    toml::table file;
    try {
        file = parse_toml(text, origin);
    } catch (const toml::parse_error& error) {
        refuse(origin, fmt::format("line {}: {}", error.source().begin.line, error.description()));
    }
    for (const auto& [key, node] : file) {
        const std::string name(key.str());
        if (name == "name") {
            if (!node.is_string()) refuse(origin, "name: wanted a text");
            machine.name = node.value_or(std::string());
        } else if (const toml::table* const table = node.as_table()) {
            for (const auto& [inner, value] : *table) {
                if (name != "rank" || inner.str() != "processor") {
                    set_number(machine, name, std::string(inner.str()), value, origin);
                    continue;
                }
                if (!value.is_string()) refuse(origin, "rank.processor: wanted a text");
                machine.processor = value.value_or(std::string());
            }
        } else {
            set_number(machine, "", name, node, origin);
        }
    }
}

}  // namespace keel
