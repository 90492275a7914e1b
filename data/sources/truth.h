// What tables say of a label of an image, and what becomes of what they do not know.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace keel {

enum class Truth : std::uint8_t { absent, present, uncertain, blank };

/// Returns what a cell says: 1, 0 and -1 as numbers (`1.0`), true and false, yes and no, positive, negative and
/// uncertain, present and absent, their first letters; `nan` and nothing are blank. None for any other.
std::optional<Truth> parse_truth(std::string_view cell);

/// What becomes of labels that a table calls uncertain: --uncertain. One for all, or one a label.
class UncertainRule {
public:
    /// `text` is `ignore`, `zeros`, `ones` or `smooth:a-b`, for all labels, or such words as `LABEL=ones`, separated by
    /// commas, where one without a label is for all others (ignore where there is none). Labels are compared by
    /// same_finding(). Throws UsageError for other words and labels that the data has not.
    UncertainRule(const std::string& text, std::span<const std::string> labels, std::uint64_t seed);

    /// Says of a sample what is uncertain of label `label`: it is not known (ignore), absent (zeros), present (ones),
    /// or not known with a target for the loss (smooth), drawn from [a, b) by the seed, the sample's name and the
    /// label alone: label smoothing as in Pham et al., Neurocomputing 2021.
    void apply(Sample& sample, std::size_t label) const;

    /// Returns "taken as present", "left out" or the like.
    std::string text(std::size_t label) const;

private:
    enum class Kind { ignore, zeros, ones, smooth };
    struct Rule {
        Kind kind = Kind::ignore;
        float low = 0, high = 0;
    };
    static Rule parse(const std::string& word);

    std::vector<std::string> labels_;
    std::vector<Rule> rules_;
    std::uint64_t seed_;
};

}  // namespace keel
