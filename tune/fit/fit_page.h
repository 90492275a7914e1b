// fit.html: what a search for a model under limits came to, on one page.
#pragma once

#include <string>

#include "tune/fit/fit.h"

namespace keel::fit {

/// A whole document: the verdict, the frontiers as plots, a table of every candidate.
std::string page_of(const FitResult& result);

}  // namespace keel::fit
