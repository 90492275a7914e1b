#include <fmt/core.h>
#include <re2/re2.h>

#include "data/sources/name_pattern.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {

struct NamePattern::Impl {
    explicit Impl(const std::string& pattern) : re2(pattern, options()) {}

    static RE2::Options options() {
        RE2::Options options;
        options.set_encoding(RE2::Options::EncodingLatin1);  // names are bytes; not all of them are UTF-8
        options.set_log_errors(false);
        return options;
    }

    RE2 re2;
};

NamePattern::NamePattern(const std::string& pattern) : impl_(std::make_unique<Impl>(pattern)) {
    if (!impl_->re2.ok())
        throw UsageError(fmt::format("[data] '{}' is no regular expression: {}", excerpt(pattern), impl_->re2.error()));
}

NamePattern::~NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;

std::optional<std::string> NamePattern::first_group(const std::string& name) const {
    re2::StringPiece found[2];
    const int groups = impl_->re2.NumberOfCapturingGroups() > 0 ? 2 : 1;
    if (!impl_->re2.Match(name, 0, name.size(), RE2::UNANCHORED, found, groups)) return std::nullopt;
    const re2::StringPiece& group = found[groups - 1];
    if (group.empty()) return std::nullopt;
    return std::string(group.data(), group.size());
}

}  // namespace keel
