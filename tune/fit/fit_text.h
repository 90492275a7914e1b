// What a search for a model under limits came to, for people and programs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/json.h"
#include "tune/fit/fit.h"

namespace keel::fit {

/// "mean AUROC 0.8421, drop 0.0004 (-0.0003 to 0.0012), 412.3 images/s, 9.1 ms an image, 7.4 MB, 310 MB of memory".
std::string text_of(const Figures& figures, const std::string& metric);

/// Returns the chosen model or the nearest one, all limits, the frontier and every candidate as an object.
Json to_json(const FitResult& result);

/// Returns the same as a table and some sentences.
std::string to_text(const FitResult& result);

/// Returns what there is to say of the verdict, a sentence a line: what was chosen and where it is, or that nothing
/// keeps to the limits and what comes nearest.
std::string verdict_text(const FitResult& result);

/// Returns the candidates that were not measured, and why.
std::vector<std::pair<Candidate, std::string>> left_out_of(const FitResult& result);

/// "drop at most 0.0050; at least 312.8 images per second (4x)".
std::string limits_text(const FitResult& result);

/// What accuracy is weighed against.
struct Frontier {
    std::string name, unit;
    double (*cost)(const Figures&);  ///< the lower the better
    double (*shown)(const Figures&);
};
const std::vector<Frontier>& frontiers();

/// The index into frontiers() of the one that the limits ask about first.
std::size_t first_frontier(const FitResult& result);

}  // namespace keel::fit
