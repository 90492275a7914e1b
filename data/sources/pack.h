// Packed shards: a data set as few large files of decoded images, for storage that answers slowly or dislikes many
// small files. docs/data_formats.md describes the files byte by byte.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "data/dataset.h"
#include "data/pipeline/loader.h"

namespace keel {

struct PackOptions {
    std::string directory;
    std::optional<Split> split;                        ///< the only one to pack; none: all three
    int size = 256;                                    ///< side of the images, pixels; 0: as they are
    std::int64_t shard_bytes = std::int64_t{1} << 28;  ///< a shard's size at most, one image at least
    int workers = 2;                                   ///< threads that decode
    double max_bad = 0.001;                            ///< bad images left out, as a fraction of each split, rounded up
    bool force = false;  ///< replace a directory that is not empty; only a pack is ever replaced
    std::function<void(const BadImage&)> on_bad_image;  ///< like on_progress called from any thread, one at a time
    std::function<void(std::int64_t done, std::int64_t total)> on_progress;
};

struct PackSummary {
    std::array<std::int64_t, 3> samples{};  ///< indexed by Split
    std::int64_t shards = 0, bytes = 0, bad_images = 0;
};

/// Writes the set as a pack that `pack:DIR` opens: the same splits, order, names, patients and labels, images decoded
/// and resized as transform_image() does without augmentation. It is written beside `directory`, made durable and
/// renamed. Throws UsageError for an option outside its range or a directory that may not be replaced, InputError if
/// too many images are bad or there is none, IoError where writing fails.
PackSummary write_pack(const Dataset& dataset, const PackOptions& options);

}  // namespace keel
