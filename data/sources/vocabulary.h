// One vocabulary for the findings that data sets of chest X-rays name in ways of their own, so that a model of one set
// can be scored on another.
#pragma once

#include <string>
#include <string_view>

namespace keel {

inline constexpr const char* kNoFinding = "No Finding";  ///< that none of a set's findings is there

/// Returns the vocabulary's name of a finding ("Effusion" of `pleural effusion`), or the text itself where it has none.
/// Cases, blanks, `_` and other punctuation do not count. The names are NIH ChestX-ray14's and, for what that set has
/// not, CheXpert's, as in TorchXRayVision (Cohen et al., MIDL 2022).
std::string common_label_name(std::string_view text);

/// Returns whether two names are of one finding.
bool same_finding(std::string_view a, std::string_view b);

/// Returns "PA", "AP", "lateral" or, of a projection that is none of these, the text itself: of NIH's and CheXpert's
/// columns, MIMIC-CXR's ViewPosition and PadChest's Projection.
std::string view_name(std::string_view text);

/// Returns whether a view is one that `wanted`, names separated by commas, asks for: `frontal` is PA and AP, any other
/// a view_name() in any case.
bool view_wanted(std::string_view view, std::string_view wanted);

/// Returns "F", "M" or, of what is neither, the text itself.
std::string sex_name(std::string_view text);

/// Returns a patient's number without what differs between tables: `3` of `00000003`, `3.0` and ` 3 `; of everything
/// else the text without the blanks around it.
std::string patient_name(std::string_view text);

}  // namespace keel
