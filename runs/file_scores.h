// Image files scored, some at a time, with their heatmaps.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "runs/heatmaps.h"
#include "runs/image_scores_text.h"

namespace keel {

struct FileScoringOptions {
    std::int64_t batch_size = 8;   ///< files that are in memory at a time
    Heatmaps* heatmaps = nullptr;  ///< null: none
    /// Told of a file that could not be read or scored, which is left out.
    std::function<void(const std::string& file, const std::string& why)> on_skip;
    /// Sees each file that was scored, and may add to what is said of it; may be null.
    std::function<void(ScoredImage& image, const ImageScorer::Inputs& inputs)> on_scored{};
};

struct ScoredFiles {
    std::vector<ScoredImage> images;  ///< in the files' order, without those left out
    std::vector<Remark> remarks;      ///< what was odd about the images' values
};

/// Scores files. Throws StorageError where the storage does not answer, which says nothing about the file.
ScoredFiles score_files(const ImageScorer& scorer, const std::vector<std::string>& files,
                        const FileScoringOptions& options);

}  // namespace keel
