// fit.jsonl: all that was measured, a line each, so that nothing is measured twice.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/json.h"
#include "runs/growing_file.h"
#include "tune/fit/accuracy.h"
#include "tune/fit/limits.h"

namespace keel::fit {

/// Records of "speed", "accuracy" and "model", each under a key: a hash of all that it depends on.
class Records {
public:
    /// Reads the records of a file, if it is there. Half a line at its end is what a process left that was killed: it
    /// is cut off and said by dropped(). Throws InputError that names file and line for what is no record, IoError.
    explicit Records(std::filesystem::path file);

    /// Returns the newest record of a kind and key; none: a null.
    Json find(const std::string& kind, const std::string& key) const;
    /// Adds a record, which is in the file when this returns. Throws IoError.
    void add(const std::string& kind, const std::string& key, const std::string& name, Json contents);

    std::size_t size() const { return records_.size(); }
    /// Returns what was left out at the end of the file; empty: nothing.
    const std::string& dropped() const { return dropped_; }

private:
    GrowingFile file_;
    std::map<std::pair<std::string, std::string>, Json> records_;
    std::string dropped_;
};

/// What records hold. Reading throws InputError, without naming a file, for what is malformed.
Json to_json(const Speed& speed);
Speed speed_from(const Json& json);
Json to_json(const Accuracy& accuracy);
Accuracy accuracy_from(const Json& json);

}  // namespace keel::fit
