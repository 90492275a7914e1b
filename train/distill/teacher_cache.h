// Answers of teachers that are kept: one row for each view of each training sample, in memory and in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Returns a hash of what images a split shows: of files their sizes and times of change beside the samples' names, of
/// images that are held in memory their pixels. Throws what reading does.
std::string hash_of_images(const Dataset& dataset, Split split);

/// Rows of `width` floats for `views` views of `samples` samples.
class TeacherCache {
public:
    /// `key`: all that the rows depend on. A cache in a file is that of this key alone.
    TeacherCache(std::string key, std::int64_t samples, std::int64_t views, std::int64_t width);

    const std::string& key() const { return key_; }
    std::int64_t bytes() const;
    std::int64_t samples() const { return samples_; }
    std::int64_t views() const { return views_; }

    std::span<float> row(std::int64_t sample, std::int64_t view);
    std::span<const float> row(std::int64_t sample, std::int64_t view) const;
    /// Returns all rows of the samples [begin, end), one behind the other.
    std::span<float> of_samples(std::int64_t begin, std::int64_t end);
    /// Whether all samples [begin, end) have rows, or were marked.
    bool were_asked(std::int64_t begin, std::int64_t end) const;
    /// Whether a sample has rows.
    bool has(std::int64_t sample) const;
    /// Notes that a sample's image cannot be read.
    void mark_unanswered(std::int64_t sample);
    /// Drops the rows of the samples [begin, end).
    void forget(std::int64_t begin, std::int64_t end);

    /// Returns the file of this key in a folder.
    std::filesystem::path file_in(const std::filesystem::path& folder) const;
    /// Takes the rows of a file of save(). Returns why not, for people, where there is none of this key or it is
    /// damaged: then nothing has changed. Empty: taken over, or there is no file.
    std::string load(const std::filesystem::path& file);
    /// Throws IoError.
    void save(const std::filesystem::path& file) const;

private:
    std::string key_;
    std::int64_t samples_, views_, width_;
    std::vector<float> rows_;
};

}  // namespace keel
