// The bootstrap over patients: how far apart a figure would be on other patients of the same kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/score_curve.h"
#include "train/predictions.h"

namespace keel {

/// Samples' patients by number.
struct Patients {
    std::vector<std::size_t> of_sample;
    std::size_t count = 0;
};

/// Numbers the patients in the order of their samples; an image of nobody known ("", or no names at all) is a patient
/// of its own.
Patients number_patients(const std::vector<std::string>& names, std::size_t samples);

/// Returns how often each patient is drawn in one replicate: as many draws as there are patients.
std::vector<std::uint32_t> draw_patients(std::size_t patients, std::uint64_t seed, std::uint64_t replicate);

/// One label's known samples, from the highest score down, so that replicates are measured without sorting again.
struct RankedSamples {
    std::vector<std::size_t> patients{};
    std::vector<double> scores{};
    std::vector<bool> positive{};
    std::optional<double> threshold{};
};

/// Ranks those of the samples `members` whose truth is known.
RankedSamples rank_samples(const LabelColumn& column, const std::vector<std::size_t>& members, const Patients& patients,
                           const std::optional<double>& threshold = {});

inline constexpr std::size_t kRankedMeasures = 3;  ///< AUROC, rate of false negatives, rate of false positives

/// Returns the measures of weighted samples; a weight is how often its patient was drawn. NaN where undefined; rates
/// are so without a threshold.
std::array<double, kRankedMeasures> measure_ranked(const RankedSamples& ranked,
                                                   const std::vector<std::uint32_t>& weights);

/// Returns the 95 % interval of the replicates' values, by percentiles; none where more than half of them, or all but
/// one, are undefined (NaN).
std::optional<Interval> interval_of(std::vector<double> values);

}  // namespace keel
