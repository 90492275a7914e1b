// What a model must keep to, and by how much one does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/score_curve.h"

namespace keel::fit {

/// Speed and size of a model, as measured.
struct Speed {
    double images_per_second = 0;  ///< at the batch asked for; the median of some measurements, which lie between
    double rate_low = 0, rate_high = 0;
    double latency_ms = 0;  ///< of one image; likewise
    double latency_low = 0, latency_high = 0;
    double memory_mb = 0;  ///< the most that a process held which ran it at that batch
};

/// All that is known of a model.
struct Figures {
    double metric = 0;                        ///< what models are chosen by, on validation data, the higher the better
    std::optional<Interval> interval{};       ///< its 95 % interval
    double drop = 0;                          ///< the checkpoint's metric less this one's
    std::optional<Interval> drop_interval{};  ///< of the difference: both models see the same patients drawn
    Speed speed{};
    double megabytes = 0;  ///< of the model's file
};

/// A limit as a user says it: a number, or a multiple of what the checkpoint has in f32.
struct Wish {
    double value = 0;
    bool relative = false;
};
/// Reads "120" or "4x". Throws UsageError, which names `option`, for anything else and for what is not above 0.
Wish parse_wish(const std::string& text, const std::string& option);

/// Reads a share above 0 and below 1. Throws UsageError, which names `option`.
double parse_share(const std::string& text, const std::string& option);

struct Wishes {
    double max_drop = 0.005;
    bool sure = false;  ///< the upper end of the drop's interval counts, not the drop
    std::optional<Wish> min_images_per_second{}, max_latency_ms{}, max_mb{}, max_memory_mb{};
};

/// Wishes as numbers.
struct Limits {
    double max_drop = 0.005;
    bool sure = false;
    std::optional<double> min_images_per_second{}, max_latency_ms{}, max_mb{}, max_memory_mb{};
};

/// Returns the numbers for a checkpoint of those figures.
Limits limits_of(const Wishes& wishes, const Figures& checkpoint);

/// A limit that a model does not keep to.
struct Miss {
    std::string what{};  ///< "drop", "images per second", "latency", "file" or "memory"
    double value = 0, limit = 0;
    double share = 0;  ///< by how much, of the limit: 0.1 is 10 % too slow, too large, ...
};

/// The least that shares of a drop are taken of: a limit of 0 has no parts.
inline constexpr double kLeastDrop = 0.001;

/// Returns the limits that figures miss; empty: none. A drop whose interval is not known is not sure.
std::vector<Miss> misses_of(const Figures& figures, const Limits& limits);
/// Returns those of speed and memory alone, which do not ask what the weights are.
std::vector<Miss> misses_of(const Speed& speed, const Limits& limits);

/// "12.3 images per second where 16.0 are wanted, 23 % short".
std::string text_of(const Miss& miss);

}  // namespace keel::fit
