// Regular expressions over the names of images, behind one wall: name_pattern_re2.cpp, or name_pattern_none.cpp in a
// program built without RE2.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace keel {

/// A pattern in RE2's syntax (https://github.com/google/re2/wiki/Syntax), which takes time linear in a name's length
/// whatever the two are. Immutable.
class NamePattern {
public:
    /// Throws UsageError for what is no pattern, or wants more than 8 MiB; or in a program without RE2.
    explicit NamePattern(const std::string& pattern);
    ~NamePattern();
    NamePattern(NamePattern&&) noexcept;

    /// Returns what the first group matches, of a pattern without groups all that it matches; nothing where the name
    /// does not match. The pattern may match anywhere in the name.
    std::optional<std::string> first_group(const std::string& name) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace keel
