#include "runs/quantize_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "engine/text.h"

namespace keel {
namespace {

constexpr std::string_view kArithmetics[] = {"int8", "int8 requantized", "fp32"};
constexpr std::size_t kLayersShown = 10;  // layers on the screen

}  // namespace

Json quantize_json(const QuantizeReport& report, const QuantizedFile& file) {
    Json candidates = Json::object(), layers = Json::array(), fallbacks = Json::array(), dead = Json::array();
    for (const DeadChannels& layer : report.dead)
        dead.push_back({{"name", layer.name}, {"dead", layer.dead}, {"channels", layer.channels}});
    for (const Fallback& fallback : report.fallbacks)
        fallbacks.push_back({{"name", fallback.name}, {"own_snr_db", fallback.snr_db}});
    for (const auto& candidate : report.candidates) candidates[std::string(name(candidate.method))] = candidate.error;
    for (const LayerReport& layer : report.layers)
        layers.push_back({{"name", layer.name},
                          {"arithmetic", kArithmetics[static_cast<std::size_t>(layer.arithmetic)]},
                          {"snr_db", layer.snr_db},
                          {"own_snr_db", layer.own_snr_db}});
    return {{"out", file.path},
            {"images", report.images + report.held_out},
            {"held_out", report.held_out},
            {"method", name(report.method)},
            {"candidates", std::move(candidates)},
            {"logits_error", report.logits_error},
            {"same_on_every_isa", report.same_on_every_isa},
            {"bytes", file.bytes},
            {"fp32_bytes", file.fp32_bytes},
            {"size_ratio", static_cast<double>(file.bytes) / static_cast<double>(file.fp32_bytes)},
            {"seconds", file.seconds},
            {"keep_below", file.keep_below},
            {"fallbacks", std::move(fallbacks)},
            {"dead_channels", std::move(dead)},
            {"warnings", report.warnings},
            {"layers", std::move(layers)}};
}

std::string quantize_text(const QuantizeReport& report, const QuantizedFile& file) {
    std::string text = fmt::format("{}: {:.2f} MB, {:.3f} of fp32's; {} images, {} of them held out, {:.1f} s\n",
                                   file.path, 1e-6 * static_cast<double>(file.bytes),
                                   static_cast<double>(file.bytes) / static_cast<double>(file.fp32_bytes),
                                   report.images + report.held_out, report.held_out, file.seconds);
    if (!report.candidates.empty()) {
        text += "logits' error on held-out images by ranges of";
        for (const auto& candidate : report.candidates)
            text += fmt::format(" {} {:.2e}", name(candidate.method), candidate.error);
        text += "\n";
    }
    text +=
        fmt::format("ranges: {}; logits' error {:.2e} of their variance\n\n", name(report.method), report.logits_error);
    std::array<int, 3> counts{};
    for (const LayerReport& layer : report.layers) ++counts[static_cast<std::size_t>(layer.arithmetic)];
    for (const Fallback& fallback : report.fallbacks)
        text += fmt::format("{} is left in fp32: {:.1f} dB of its own in codes, less than {:.1f}\n", fallback.name,
                            fallback.snr_db, file.keep_below);
    if (!report.same_on_every_isa)
        text += "the last bits of its answers depend on the ISA, as those of all layers in fp32 do\n";
    text += fmt::format(
        "{} layers in int8, {} that requantize what they read, {} in fp32; those of the least signal to noise:\n",
        counts[0], counts[1], counts[2]);
    std::vector<LayerReport> worst = report.layers;
    std::ranges::sort(worst, {}, &LayerReport::snr_db);
    worst.resize(std::min(worst.size(), kLayersShown));
    std::vector<std::vector<std::string>> rows{{"layer", "SNR, dB", "its own", "arithmetic"}};
    for (const LayerReport& layer : worst)
        rows.push_back({layer.name, fmt::format("{:.1f}", layer.snr_db),
                        std::isnan(layer.own_snr_db) ? "" : fmt::format("{:.1f}", layer.own_snr_db),
                        std::string(kArithmetics[static_cast<std::size_t>(layer.arithmetic)])});
    return text + format_table(rows);
}

}  // namespace keel
