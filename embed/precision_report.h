// What models predict in, for people: what was asked for is not always what runs.
#pragma once

#include <string>
#include <vector>

#include "embed/predictor.h"

namespace keel {

/// Notes the precision of one model after the other.
class PrecisionReport {
public:
    /// Returns what is to be known of a model: why it runs in f32 though bf16 was asked for, and, once, by how much
    /// bf16 is slower where it is imitated (imitation_warning(), which measures it).
    std::vector<std::string> add(const std::string& file, const Predictor& model);
    /// Returns "f32" or "bf16" where all models run in it, else a word for each, e.g. "bf16, f32".
    std::string text() const;

private:
    std::vector<Precision> models_;
};

}  // namespace keel
