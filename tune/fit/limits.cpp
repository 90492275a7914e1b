#include "tune/fit/limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "kernels/error.h"

namespace keel::fit {
namespace {

constexpr const char *kDrop = "drop", *kRate = "images per second", *kLatency = "latency", *kFile = "file",
                     *kMemory = "memory";

void add_if_above(std::vector<Miss>& misses, const char* what, double value, const std::optional<double>& limit) {
    if (limit && !(value <= *limit)) misses.push_back({what, value, *limit, value / *limit - 1});
}

}  // namespace

Wish parse_wish(const std::string& text, const std::string& option) {
    Wish wish;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, wish.value);
    wish.relative = error == std::errc() && at != end && *at == 'x';
    if (error != std::errc() || at + (wish.relative ? 1 : 0) != end || !(wish.value > 0) || !std::isfinite(wish.value))
        throw UsageError(fmt::format(
            "[options] {}: wanted a number above 0, or a multiple of the checkpoint's in f32 such as 4x, not '{}'",
            option, text));
    return wish;
}

double parse_share(const std::string& text, const std::string& option) {
    double share = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, share);
    if (error != std::errc() || at != end || !(share > 0 && share < 1))
        throw UsageError(fmt::format("[options] {}: wanted numbers between 0 and 1, not '{}'", option, text));
    return share;
}

Limits limits_of(const Wishes& wishes, const Figures& checkpoint) {
    const auto number = [](const std::optional<Wish>& wish, double own) -> std::optional<double> {
        if (!wish) return std::nullopt;
        return wish->relative ? wish->value * own : wish->value;
    };
    return {wishes.max_drop,
            wishes.sure,
            number(wishes.min_images_per_second, checkpoint.speed.images_per_second),
            number(wishes.max_latency_ms, checkpoint.speed.latency_ms),
            number(wishes.max_mb, checkpoint.megabytes),
            number(wishes.max_memory_mb, checkpoint.speed.memory_mb)};
}

std::vector<Miss> misses_of(const Speed& speed, const Limits& limits) {
    std::vector<Miss> misses;
    const auto& least = limits.min_images_per_second;
    if (least && !(speed.images_per_second >= *least))
        misses.push_back({kRate, speed.images_per_second, *least, 1 - speed.images_per_second / *least});
    add_if_above(misses, kLatency, speed.latency_ms, limits.max_latency_ms);
    add_if_above(misses, kMemory, speed.memory_mb, limits.max_memory_mb);
    return misses;
}

std::vector<Miss> misses_of(const Figures& figures, const Limits& limits) {
    constexpr double kUnknown = std::numeric_limits<double>::infinity();
    std::vector<Miss> misses;
    const double drop = !limits.sure ? figures.drop : figures.drop_interval ? figures.drop_interval->high : kUnknown;
    if (!(drop <= limits.max_drop))
        misses.push_back(
            {kDrop, drop, limits.max_drop, (drop - limits.max_drop) / std::max(limits.max_drop, kLeastDrop)});
    const std::vector<Miss> of_speed = misses_of(figures.speed, limits);
    misses.insert(misses.end(), of_speed.begin(), of_speed.end());
    add_if_above(misses, kFile, figures.megabytes, limits.max_mb);
    return misses;
}

std::string text_of(const Miss& miss) {
    const double percent = 100 * miss.share;
    if (miss.what == kDrop && std::isinf(miss.value))
        return "nobody knows how far the drop may lie from what was measured: too few samples of a label";
    if (miss.what == kDrop)
        return fmt::format("drop {:.4f} where {:.4f} is allowed, {:.4f} too much", miss.value, miss.limit,
                           miss.value - miss.limit);
    if (miss.what == kRate)
        return fmt::format("{:.1f} images per second where {:.1f} are wanted, {:.1f} % short", miss.value, miss.limit,
                           percent);
    const char* const unit = miss.what == kLatency ? "ms" : "MB";
    return fmt::format("{} {:.2f} {} where {:.2f} are allowed, {:.1f} % too much", miss.what, miss.value, unit,
                       miss.limit, percent);
}

}  // namespace keel::fit
