#include "engine/speed/node_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/autograd.h"
#include "engine/machine_memory.h"
#include "engine/ops.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::speed {
namespace {

/// A 3x3 convolution of 64 to 64 channels on maps of 56x56, as networks spend most of their time in.
double measured_gflops() {
    constexpr std::int64_t kImages = 8, kSide = 56, kChannels = 64, kKernel = 3;
    constexpr double kOperations = 2.0 * kImages * kSide * kSide * kChannels * kChannels * kKernel * kKernel;
    constexpr double kAtLeast = 0.3;  // seconds
    const NoGrad no_grad;
    const Tensor src = Tensor::full({kImages, kSide, kSide, kChannels}, 0.5);
    const Tensor weights = Tensor::full({kChannels, kChannels, kKernel, kKernel}, 0.01);
    const auto once = [&] {
        const auto start = std::chrono::steady_clock::now();
        conv2d(src, weights, Tensor(), {.pad = 1});
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    once();
    double least = once(), all = least;
    while (all < kAtLeast) {
        const double took = once();
        all += took;
        least = std::min(least, took);
    }
    return 1e-9 * kOperations / least;
}

const char* like_of(const Isa& isa) { return isa.includes(Isa::avx512) ? "ice_lake" : "zen3"; }

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
    throw InputError(fmt::format("[node] {}: {}", file, what));
}

/// A number above 0 and at most `most`; `otherwise` where there is none, which a negative one makes an error.
double positive(const Json& object, const char* key, const std::string& file, double most, double otherwise) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        if (otherwise < 0) refuse(file, fmt::format("wanted {}, as keel doctor --json prints it", key));
        return otherwise;
    }
    const double value = found->is_number() ? found->get<double>() : -1;
    if (!std::isfinite(value) || value <= 0 || value > most)
        refuse(file, fmt::format("wanted a number above 0 and at most {:g} for {}", most, key));
    return value;
}

std::string word_of(const Json& object, const char* key, const std::string& file, const std::string& otherwise) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return otherwise;
    if (!found->is_string()) refuse(file, fmt::format("wanted a text for {}", key));
    return found->get<std::string>();
}

Node base_of(const Json& object, const std::string& file) {
    const std::string isa = word_of(object, "isa", file, std::string(active_isa().name));
    try {
        const Isa& known = isa_from_name(isa);
        Node node = node_named(word_of(object, "like", file, like_of(known)));
        node.isa = known;
        return node;
    } catch (const UsageError& error) {
        refuse(file, error.what());
    }
}

}  // namespace

MeasuredNode measure_this_node() {
    MeasuredNode measured{.node = this_node(), .memory_bytes = read_machine_memory().total};
    const int threads = thread_count();
    // Cores that the pool leaves out do as much.
    measured.gflops = measured_gflops() * measured.node.cores / std::clamp(threads, 1, measured.node.cores);
    return measured;
}

double efficiency_of(const MeasuredNode& measured) {
    const Node& node = measured.node;
    return measured.gflops / (node.cores * node.ghz * node.rates.f32);
}

Json node_json(const MeasuredNode& measured) {
    const Node& node = measured.node;
    return {{"cpu", node.title},
            {"like", node.like},
            {"isa", node.isa.name},
            {"cores", node.cores},
            {"ghz", node.ghz},
            {"gflops", measured.gflops},
            {"memory_gbs", node.node_gbs},
            {"core_memory_gbs", node.core_gbs},
            {"region_us", node.region_us},
            {"memory_bytes", measured.memory_bytes}};
}

MeasuredNode read_node(const std::string& text, const std::string& file, double efficiency) {
    Json json = try_parse_json(text);
    if (json.is_object() && json.contains("speed")) json = Json(json["speed"]);
    if (!json.is_object()) refuse(file, "wanted an object of JSON, as keel doctor --json prints it");
    MeasuredNode measured{.node = base_of(json, file)};
    Node& node = measured.node;
    const double cores = positive(json, "cores", file, 4096, -1);
    if (cores != std::floor(cores)) refuse(file, "wanted a whole number of cores");
    node.name = file;
    node.title = word_of(json, "cpu", file, file).substr(0, 200);
    node.cores = static_cast<int>(cores);
    measured.gflops = positive(json, "gflops", file, 1e9, -1);
    node.ghz = measured.gflops / (node.cores * node.rates.f32 * efficiency);
    node.node_gbs = positive(json, "memory_gbs", file, 1e6, -1);
    node.core_gbs = positive(json, "core_memory_gbs", file, 1e6, std::min(node.core_gbs, node.node_gbs));
    node.region_us = positive(json, "region_us", file, 1e6, node.region_us);
    measured.memory_bytes = static_cast<std::int64_t>(positive(json, "memory_bytes", file, 1e15, 0));
    return measured;
}

}  // namespace keel::speed
