#include "data/sources/name_pattern.h"
#include "kernels/error.h"

namespace keel {

struct NamePattern::Impl {};

NamePattern::NamePattern(const std::string&) {
    throw UsageError("[data] this program was built without RE2 (libre2-dev), which patterns of names want");
}

NamePattern::~NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;

std::optional<std::string> NamePattern::first_group(const std::string&) const { return std::nullopt; }

}  // namespace keel
